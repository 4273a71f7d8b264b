-- The books as tables: a typed view of each kind of transaction and name, and one of its lines, of all companies. Their
-- names and columns are those that the public dbt package for QuickBooks reads (fivetran/dbt_quickbooks 1.9), and a few
-- more. `backfill views` makes them, in the schema that comes first in search_path.
--
-- No view fails of what a document holds: one company's odd row would keep the rows of all others from whoever asks.

CREATE OR REPLACE FUNCTION number(told jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(told)
    WHEN 'number' THEN told::numeric
    WHEN 'string' THEN CASE WHEN told #>> '{}' ~ '^[+-]?[0-9]{1,30}([.][0-9]{1,30})?$' THEN (told #>> '{}')::numeric END
END;

-- Null for what is no day, such as the 30th of February: a month's first and the days behind it never fail.
CREATE OR REPLACE FUNCTION day(told jsonb) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN told #>> '{}' ~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])' THEN
        make_date(left(told #>> '{}', 4)::integer, substr(told #>> '{}', 6, 2)::integer, substr(told #>> '{}', 9, 2)::integer)
    WHEN told #>> '{}' ~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(29|30|31)' THEN CASE
        WHEN extract(month FROM make_date(left(told #>> '{}', 4)::integer, substr(told #>> '{}', 6, 2)::integer, 1)
            + substr(told #>> '{}', 9, 2)::integer - 1) = substr(told #>> '{}', 6, 2)::integer
        THEN make_date(left(told #>> '{}', 4)::integer, substr(told #>> '{}', 6, 2)::integer, 1)
            + substr(told #>> '{}', 9, 2)::integer - 1
    END
END;

CREATE OR REPLACE FUNCTION truth(told jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE lower(told #>> '{}') WHEN 'true' THEN true WHEN 'false' THEN false END;

-- A list's members, counted from 0 as the dbt package does; none of what is no list.
CREATE OR REPLACE FUNCTION elements(told jsonb) RETURNS TABLE (index integer, doc jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (ordinality - 1)::integer, value
    FROM jsonb_array_elements(CASE jsonb_typeof(told) WHEN 'array' THEN told ELSE '[]' END) WITH ORDINALITY;
END;

-- A sale's lines, with those within its bundles behind the bundle's own, which has neither item nor account.
CREATE OR REPLACE FUNCTION sold(told jsonb) RETURNS TABLE (index integer, doc jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (row_number() OVER (ORDER BY line.index, part.index NULLS FIRST) - 1)::integer, part.doc
    FROM elements(told -> 'Line') AS line
    CROSS JOIN LATERAL (
        SELECT NULL::integer AS index, line.doc
        UNION ALL
        SELECT within.index, within.doc FROM elements(line.doc #> '{GroupLineDetail,Line}') AS within
    ) AS part;
END;

-- What a payment's lines pay, one row each: nearly always one a line.
CREATE OR REPLACE FUNCTION linked(told jsonb) RETURNS TABLE (index integer, doc jsonb, link jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (row_number() OVER (ORDER BY line.index, link.index) - 1)::integer, line.doc, link.doc
    FROM elements(told -> 'Line') AS line
    CROSS JOIN LATERAL elements(line.doc -> 'LinkedTxn') AS link;
END;

-- For documents that leave their currency out, as those of a company with one currency may.
CREATE OR REPLACE VIEW home AS
SELECT realm_id, doc #>> '{CurrencyPrefs,HomeCurrency,value}' AS currency_id
FROM qbo.preferences
WHERE id = '1';

-- What all transactions say; null where one does not.
CREATE OR REPLACE FUNCTION head(told jsonb, home text) RETURNS TABLE (
    transaction_date date,
    doc_number text,
    currency_id text,
    exchange_rate numeric,
    total_amount numeric,
    department_id text
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        day(told -> 'TxnDate'),
        told ->> 'DocNumber',
        coalesce(told #>> '{CurrencyRef,value}', home, 'XXX'),
        number(told -> 'ExchangeRate'),
        number(told -> 'TotalAmt'),
        told #>> '{DepartmentRef,value}';
END;

-- A line of what is bought, by account or by item.
CREATE OR REPLACE FUNCTION expense(told jsonb) RETURNS TABLE (
    amount numeric,
    description text,
    account_expense_account_id text,
    account_expense_class_id text,
    account_expense_customer_id text,
    account_expense_tax_code_id text,
    account_expense_billable_status text,
    item_expense_item_id text,
    item_expense_class_id text,
    item_expense_customer_id text,
    item_expense_tax_code_id text,
    item_expense_billable_status text,
    item_expense_quantity numeric,
    item_expense_unit_price numeric
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        number(told -> 'Amount'),
        told ->> 'Description',
        told #>> '{AccountBasedExpenseLineDetail,AccountRef,value}',
        told #>> '{AccountBasedExpenseLineDetail,ClassRef,value}',
        told #>> '{AccountBasedExpenseLineDetail,CustomerRef,value}',
        told #>> '{AccountBasedExpenseLineDetail,TaxCodeRef,value}',
        told #>> '{AccountBasedExpenseLineDetail,BillableStatus}',
        told #>> '{ItemBasedExpenseLineDetail,ItemRef,value}',
        told #>> '{ItemBasedExpenseLineDetail,ClassRef,value}',
        told #>> '{ItemBasedExpenseLineDetail,CustomerRef,value}',
        told #>> '{ItemBasedExpenseLineDetail,TaxCodeRef,value}',
        told #>> '{ItemBasedExpenseLineDetail,BillableStatus}',
        number(told #> '{ItemBasedExpenseLineDetail,Qty}'),
        number(told #> '{ItemBasedExpenseLineDetail,UnitPrice}');
END;

-- A line of what is sold, or a discount.
CREATE OR REPLACE FUNCTION sale(told jsonb) RETURNS TABLE (
    amount numeric,
    description text,
    detail_type text,
    sales_item_item_id text,
    sales_item_account_id text,
    sales_item_class_id text,
    sales_item_tax_code_id text,
    sales_item_quantity numeric,
    sales_item_unit_price numeric,
    discount_account_id text,
    discount_class_id text
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        number(told -> 'Amount'),
        told ->> 'Description',
        told ->> 'DetailType',
        told #>> '{SalesItemLineDetail,ItemRef,value}',
        told #>> '{SalesItemLineDetail,ItemAccountRef,value}',
        told #>> '{SalesItemLineDetail,ClassRef,value}',
        told #>> '{SalesItemLineDetail,TaxCodeRef,value}',
        number(told #> '{SalesItemLineDetail,Qty}'),
        number(told #> '{SalesItemLineDetail,UnitPrice}'),
        told #>> '{DiscountLineDetail,DiscountAccountRef,value}',
        told #>> '{DiscountLineDetail,ClassRef,value}';
END;

CREATE OR REPLACE FUNCTION tax(told jsonb) RETURNS TABLE (
    amount numeric,
    tax_rate_id text,
    tax_percent numeric,
    net_amount_taxable numeric,
    tax_inclusive_amount numeric,
    override_delta_amount numeric,
    percent_based boolean
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        number(told -> 'Amount'),
        told #>> '{TaxLineDetail,TaxRateRef,value}',
        number(told #> '{TaxLineDetail,TaxPercent}'),
        number(told #> '{TaxLineDetail,NetAmountTaxable}'),
        number(told #> '{TaxLineDetail,TaxInclusiveAmount}'),
        number(told #> '{TaxLineDetail,OverrideDeltaAmount}'),
        truth(told #> '{TaxLineDetail,PercentBased}');
END;

-- Lists

CREATE OR REPLACE VIEW account AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'Name' AS name,
    held.doc ->> 'FullyQualifiedName' AS fully_qualified_name,
    held.doc ->> 'AcctNum' AS account_number,
    held.doc ->> 'Description' AS description,
    held.doc ->> 'Classification' AS classification,
    held.doc ->> 'AccountType' AS account_type,
    held.doc ->> 'AccountSubType' AS account_sub_type,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    coalesce(truth(held.doc -> 'SubAccount'), false) AS sub_account,
    held.doc #>> '{ParentRef,value}' AS parent_account_id,
    coalesce(held.doc #>> '{CurrencyRef,value}', home.currency_id, 'XXX') AS currency_id,
    number(held.doc -> 'CurrentBalance') AS balance,
    number(held.doc -> 'CurrentBalanceWithSubAccounts') AS balance_with_sub_accounts,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.account AS held
LEFT JOIN home ON home.realm_id = held.realm_id;

CREATE OR REPLACE VIEW customer AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'DisplayName' AS display_name,
    held.doc ->> 'FullyQualifiedName' AS fully_qualified_name,
    held.doc ->> 'CompanyName' AS company_name,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    coalesce(held.doc #>> '{CurrencyRef,value}', home.currency_id, 'XXX') AS currency_id,
    number(held.doc -> 'Balance') AS balance,
    number(held.doc -> 'BalanceWithJobs') AS balance_with_jobs,
    truth(held.doc -> 'BillWithParent') AS bill_with_parent,
    held.doc #>> '{ParentRef,value}' AS parent_customer_id,
    held.doc #>> '{CustomerTypeRef,value}' AS customer_type_id,
    truth(held.doc -> 'Taxable') AS taxable,
    held.doc #>> '{PrimaryEmailAddr,Address}' AS email,
    held.doc #>> '{WebAddr,URI}' AS website,
    CASE jsonb_typeof(held.doc -> 'BillAddr') WHEN 'object'
        THEN coalesce(held.doc #>> '{BillAddr,Id}', 'customer:' || held.id || ':bill') END AS bill_address_id,
    CASE jsonb_typeof(held.doc -> 'ShipAddr') WHEN 'object'
        THEN coalesce(held.doc #>> '{ShipAddr,Id}', 'customer:' || held.id || ':ship') END AS shipping_address_id,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.customer AS held
LEFT JOIN home ON home.realm_id = held.realm_id;

CREATE OR REPLACE VIEW customer_type AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'Name' AS name,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.customer_type AS held;

CREATE OR REPLACE VIEW department AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'Name' AS name,
    held.doc ->> 'FullyQualifiedName' AS fully_qualified_name,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    held.doc #>> '{ParentRef,value}' AS parent_department_id,
    coalesce(truth(held.doc -> 'SubDepartment'), false) AS sub_department,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.department AS held;

CREATE OR REPLACE VIEW class AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'Name' AS name,
    held.doc ->> 'FullyQualifiedName' AS fully_qualified_name,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    held.doc #>> '{ParentRef,value}' AS parent_class_id,
    coalesce(truth(held.doc -> 'SubClass'), false) AS sub_class,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.class AS held;

CREATE OR REPLACE VIEW item AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'Name' AS name,
    held.doc ->> 'FullyQualifiedName' AS fully_qualified_name,
    held.doc ->> 'Sku' AS stock_keeping_unit,
    held.doc ->> 'Description' AS description,
    held.doc ->> 'Type' AS type,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    held.doc #>> '{ParentRef,value}' AS parent_item_id,
    number(held.doc -> 'UnitPrice') AS unit_price,
    number(held.doc -> 'PurchaseCost') AS purchase_cost,
    truth(held.doc -> 'Taxable') AS taxable,
    truth(held.doc -> 'TrackQtyOnHand') AS track_quantity_on_hand,
    number(held.doc -> 'QtyOnHand') AS quantity_on_hand,
    day(held.doc -> 'InvStartDate') AS inventory_start_date,
    held.doc #>> '{IncomeAccountRef,value}' AS income_account_id,
    held.doc #>> '{ExpenseAccountRef,value}' AS expense_account_id,
    held.doc #>> '{AssetAccountRef,value}' AS asset_account_id,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.item AS held;

CREATE OR REPLACE VIEW bundle AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'FullyQualifiedName' AS fully_qualified_name,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.item AS held
WHERE held.doc ->> 'Type' = 'Group';

CREATE OR REPLACE VIEW bundle_item AS
SELECT
    held.realm_id,
    held.id AS bundle_id,
    line.index,
    line.doc #>> '{ItemRef,value}' AS item_id,
    number(line.doc -> 'Qty') AS item_quantity,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.item AS held
CROSS JOIN LATERAL elements(held.doc #> '{ItemGroupDetail,ItemGroupLine}') AS line
WHERE held.deleted_at IS NULL AND held.doc ->> 'Type' = 'Group';

CREATE OR REPLACE VIEW tax_agency AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'DisplayName' AS display_name,
    held.sync_token::text AS sync_token,
    held.doc ->> 'TaxRegistrationNumber' AS tax_registration_number,
    truth(held.doc -> 'TaxTrackedOnPurchases') AS tax_tracked_on_purchases,
    truth(held.doc -> 'TaxTrackedOnSales') AS tax_tracked_on_sales,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.tax_agency AS held;

CREATE OR REPLACE VIEW tax_rate AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'Name' AS name,
    held.doc ->> 'Description' AS description,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    number(held.doc -> 'RateValue') AS rate_value,
    held.doc ->> 'EffectiveTaxRate' AS effective_tax_rate,
    held.doc ->> 'DisplayType' AS display_type,
    held.doc ->> 'SpecialTaxType' AS special_tax_type,
    held.doc #>> '{AgencyRef,value}' AS tax_agency_id,
    held.sync_token::text AS sync_token,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.tax_rate AS held;

CREATE OR REPLACE VIEW exchange_rate AS
SELECT
    held.realm_id,
    held.id,
    day(held.doc -> 'AsOfDate') AS as_of_date,
    held.doc ->> 'SourceCurrencyCode' AS source_currency_code,
    held.doc ->> 'TargetCurrencyCode' AS target_currency_code,
    number(held.doc -> 'Rate') AS rate,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.exchange_rate AS held;

CREATE OR REPLACE VIEW vendor AS
SELECT
    held.realm_id,
    held.id,
    held.doc ->> 'DisplayName' AS display_name,
    held.doc ->> 'CompanyName' AS company_name,
    held.doc ->> 'AcctNum' AS account_number,
    coalesce(truth(held.doc -> 'Active'), true) AS active,
    coalesce(held.doc #>> '{CurrencyRef,value}', home.currency_id, 'XXX') AS currency_id,
    number(held.doc -> 'Balance') AS balance,
    truth(held.doc -> 'Vendor1099') AS vendor_1099,
    held.doc #>> '{PrimaryEmailAddr,Address}' AS email,
    held.doc #>> '{WebAddr,URI}' AS web_url,
    CASE jsonb_typeof(held.doc -> 'BillAddr') WHEN 'object'
        THEN coalesce(held.doc #>> '{BillAddr,Id}', 'vendor:' || held.id || ':bill') END AS billing_address_id,
    held.created_at,
    held.updated_at,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.vendor AS held
LEFT JOIN home ON home.realm_id = held.realm_id;

-- One row an address, as whoever changed last has it. Where Intuit gives it no Id of its own it is named by its owner.
CREATE OR REPLACE VIEW address AS
SELECT DISTINCT ON (named.realm_id, named.id)
    named.realm_id,
    named.id,
    named.address ->> 'Line1' AS line_1,
    named.address ->> 'Line2' AS line_2,
    named.address ->> 'City' AS city,
    named.address ->> 'CountrySubDivisionCode' AS country_sub_division_code,
    named.address ->> 'PostalCode' AS postal_code,
    named.address ->> 'Country' AS country,
    named.landed_at AS _fivetran_synced,
    named.realm_id AS _dbt_source_relation
FROM (
    SELECT realm_id, coalesce(doc #>> '{BillAddr,Id}', 'customer:' || id || ':bill') AS id, doc -> 'BillAddr' AS address, updated_at, landed_at
    FROM qbo.customer WHERE deleted_at IS NULL AND jsonb_typeof(doc -> 'BillAddr') = 'object'
    UNION ALL
    SELECT realm_id, coalesce(doc #>> '{ShipAddr,Id}', 'customer:' || id || ':ship') AS id, doc -> 'ShipAddr' AS address, updated_at, landed_at
    FROM qbo.customer WHERE deleted_at IS NULL AND jsonb_typeof(doc -> 'ShipAddr') = 'object'
    UNION ALL
    SELECT realm_id, coalesce(doc #>> '{BillAddr,Id}', 'vendor:' || id || ':bill') AS id, doc -> 'BillAddr' AS address, updated_at, landed_at
    FROM qbo.vendor WHERE deleted_at IS NULL AND jsonb_typeof(doc -> 'BillAddr') = 'object'
    UNION ALL
    SELECT realm_id, coalesce(doc #>> '{BillAddr,Id}', 'invoice:' || id || ':bill') AS id, doc -> 'BillAddr' AS address, updated_at, landed_at
    FROM qbo.invoice WHERE deleted_at IS NULL AND jsonb_typeof(doc -> 'BillAddr') = 'object'
    UNION ALL
    SELECT realm_id, coalesce(doc #>> '{ShipAddr,Id}', 'invoice:' || id || ':ship') AS id, doc -> 'ShipAddr' AS address, updated_at, landed_at
    FROM qbo.invoice WHERE deleted_at IS NULL AND jsonb_typeof(doc -> 'ShipAddr') = 'object'
) AS named
ORDER BY named.realm_id, named.id, named.updated_at DESC;

-- What is sold

CREATE OR REPLACE VIEW invoice AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{CustomerRef,value}' AS customer_id,
    held.doc #>> '{ClassRef,value}' AS class_id,
    number(held.doc -> 'Balance') AS balance,
    day(held.doc -> 'DueDate') AS due_date,
    held.doc #>> '{DepositToAccountRef,value}' AS deposit_to_account_id,
    held.doc #>> '{DeliveryInfo,DeliveryType}' AS delivery_type,
    CASE jsonb_typeof(held.doc -> 'BillAddr') WHEN 'object'
        THEN coalesce(held.doc #>> '{BillAddr,Id}', 'invoice:' || held.id || ':bill') END AS billing_address_id,
    CASE jsonb_typeof(held.doc -> 'ShipAddr') WHEN 'object'
        THEN coalesce(held.doc #>> '{ShipAddr,Id}', 'invoice:' || held.id || ':ship') END AS shipping_address_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.invoice AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW invoice_line AS
SELECT
    held.realm_id,
    held.id AS invoice_id,
    line.index,
    sale.*,
    line.doc #>> '{AccountBasedExpenseLineDetail,AccountRef,value}' AS account_id,
    line.doc #>> '{ItemBasedExpenseLineDetail,ItemRef,value}' AS item_id,
    number(line.doc #> '{ItemBasedExpenseLineDetail,Qty}') AS quantity,
    line.doc #>> '{GroupLineDetail,GroupItemRef,value}' AS bundle_id,
    number(line.doc #> '{GroupLineDetail,Quantity}') AS bundle_quantity,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.invoice AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
CROSS JOIN LATERAL sale(line.doc) AS sale
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW invoice_line_bundle AS
SELECT
    held.realm_id,
    held.id AS invoice_id,
    line.index AS invoice_line_index,
    part.index,
    number(part.doc -> 'Amount') AS amount,
    part.doc ->> 'Description' AS description,
    part.doc #>> '{SalesItemLineDetail,ItemRef,value}' AS sales_item_item_id,
    part.doc #>> '{SalesItemLineDetail,ItemRef,value}' AS item_id,
    part.doc #>> '{SalesItemLineDetail,ItemAccountRef,value}' AS account_id,
    part.doc #>> '{SalesItemLineDetail,ClassRef,value}' AS class_id,
    number(part.doc #> '{SalesItemLineDetail,Qty}') AS quantity,
    number(part.doc #> '{SalesItemLineDetail,Qty}') AS sales_item_quantity,
    number(part.doc #> '{SalesItemLineDetail,UnitPrice}') AS unit_price,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.invoice AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
CROSS JOIN LATERAL elements(line.doc #> '{GroupLineDetail,Line}') AS part
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW invoice_tax_line AS
SELECT
    held.realm_id,
    held.id AS invoice_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.invoice AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW invoice_linked_txn AS
SELECT
    held.realm_id,
    held.id AS invoice_id,
    line.index,
    CASE WHEN line.doc ->> 'TxnType' = 'Estimate' THEN line.doc ->> 'TxnId' END AS estimate_id,
    CASE WHEN line.doc ->> 'TxnType' = 'Payment' THEN line.doc ->> 'TxnId' END AS payment_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.invoice AS held
CROSS JOIN LATERAL elements(held.doc -> 'LinkedTxn') AS line
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW estimate AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{CustomerRef,value}' AS customer_id,
    held.doc #>> '{ClassRef,value}' AS class_id,
    day(held.doc -> 'DueDate') AS due_date,
    held.doc ->> 'TxnStatus' AS transaction_status,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.estimate AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW estimate_line AS
SELECT
    held.realm_id,
    held.id AS estimate_id,
    line.index,
    sale.*,
    line.doc #>> '{AccountBasedExpenseLineDetail,AccountRef,value}' AS account_id,
    line.doc #>> '{ItemBasedExpenseLineDetail,ItemRef,value}' AS item_id,
    number(line.doc #> '{ItemBasedExpenseLineDetail,Qty}') AS quantity,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.estimate AS held
CROSS JOIN LATERAL sold(held.doc) AS line
CROSS JOIN LATERAL sale(line.doc) AS sale
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW estimate_tax_line AS
SELECT
    held.realm_id,
    held.id AS estimate_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.estimate AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW sales_receipt AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{CustomerRef,value}' AS customer_id,
    held.doc #>> '{ClassRef,value}' AS class_id,
    number(held.doc -> 'Balance') AS balance,
    held.doc #>> '{DepositToAccountRef,value}' AS deposit_to_account_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.sales_receipt AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW sales_receipt_line AS
SELECT
    held.realm_id,
    held.id AS sales_receipt_id,
    line.index,
    sale.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.sales_receipt AS held
CROSS JOIN LATERAL sold(held.doc) AS line
CROSS JOIN LATERAL sale(line.doc) AS sale
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW sales_receipt_tax_line AS
SELECT
    held.realm_id,
    held.id AS sales_receipt_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.sales_receipt AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW credit_memo AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{CustomerRef,value}' AS customer_id,
    held.doc #>> '{ClassRef,value}' AS class_id,
    number(held.doc -> 'Balance') AS balance,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.credit_memo AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW credit_memo_line AS
SELECT
    held.realm_id,
    held.id AS credit_memo_id,
    line.index,
    sale.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.credit_memo AS held
CROSS JOIN LATERAL sold(held.doc) AS line
CROSS JOIN LATERAL sale(line.doc) AS sale
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW credit_memo_tax_line_detail AS
SELECT
    held.realm_id,
    held.id AS credit_memo_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.credit_memo AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW refund_receipt AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{CustomerRef,value}' AS customer_id,
    held.doc #>> '{ClassRef,value}' AS class_id,
    number(held.doc -> 'Balance') AS balance,
    held.doc #>> '{DepositToAccountRef,value}' AS deposit_to_account_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.refund_receipt AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW refund_receipt_line AS
SELECT
    held.realm_id,
    held.id AS refund_id,
    line.index,
    sale.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.refund_receipt AS held
CROSS JOIN LATERAL sold(held.doc) AS line
CROSS JOIN LATERAL sale(line.doc) AS sale
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW refund_receipt_tax_line AS
SELECT
    held.realm_id,
    held.id AS refund_receipt_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.refund_receipt AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW payment AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{CustomerRef,value}' AS customer_id,
    number(held.doc -> 'UnappliedAmt') AS unapplied_amount,
    held.doc #>> '{DepositToAccountRef,value}' AS deposit_to_account_id,
    held.doc #>> '{ARAccountRef,value}' AS receivable_account_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.payment AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW payment_line AS
SELECT
    held.realm_id,
    held.id AS payment_id,
    line.index,
    number(line.doc -> 'Amount') AS amount,
    CASE WHEN line.link ->> 'TxnType' = 'Invoice' THEN line.link ->> 'TxnId' END AS invoice_id,
    CASE WHEN line.link ->> 'TxnType' = 'CreditMemo' THEN line.link ->> 'TxnId' END AS credit_memo_id,
    CASE WHEN line.link ->> 'TxnType' = 'Deposit' THEN line.link ->> 'TxnId' END AS deposit_id,
    CASE WHEN line.link ->> 'TxnType' = 'JournalEntry' THEN line.link ->> 'TxnId' END AS journal_entry_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.payment AS held
CROSS JOIN LATERAL linked(held.doc) AS line
WHERE held.deleted_at IS NULL;

-- What is bought

CREATE OR REPLACE VIEW bill AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{VendorRef,value}' AS vendor_id,
    number(held.doc -> 'Balance') AS balance,
    day(held.doc -> 'DueDate') AS due_date,
    held.doc #>> '{APAccountRef,value}' AS payable_account_id,
    held.doc ->> 'PrivateNote' AS private_note,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.bill AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW bill_line AS
SELECT
    held.realm_id,
    held.id AS bill_id,
    line.index,
    expense.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.bill AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
CROSS JOIN LATERAL expense(line.doc) AS expense
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW bill_tax_line_detail AS
SELECT
    held.realm_id,
    held.id AS bill_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.bill AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW bill_linked_txn AS
SELECT
    held.realm_id,
    held.id AS bill_id,
    line.index,
    line.doc ->> 'TxnId' AS bill_payment_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.bill AS held
CROSS JOIN LATERAL elements(held.doc -> 'LinkedTxn') AS line
WHERE held.deleted_at IS NULL AND line.doc ->> 'TxnType' IN ('BillPayment', 'BillPaymentCheck', 'BillPaymentCreditCard');

CREATE OR REPLACE VIEW bill_payment AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{VendorRef,value}' AS vendor_id,
    held.doc ->> 'PayType' AS pay_type,
    held.doc #>> '{CheckPayment,BankAccountRef,value}' AS check_bank_account_id,
    held.doc #>> '{CheckPayment,PrintStatus}' AS check_print_status,
    held.doc #>> '{CreditCardPayment,CCAccountRef,value}' AS credit_card_account_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.bill_payment AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW bill_payment_line AS
SELECT
    held.realm_id,
    held.id AS bill_payment_id,
    line.index,
    number(line.doc -> 'Amount') AS amount,
    CASE WHEN line.link ->> 'TxnType' = 'Bill' THEN line.link ->> 'TxnId' END AS bill_id,
    CASE WHEN line.link ->> 'TxnType' = 'Deposit' THEN line.link ->> 'TxnId' END AS deposit_id,
    CASE WHEN line.link ->> 'TxnType' IN ('Purchase', 'Expense', 'Check', 'CashPurchase', 'CreditCardCharge', 'CreditCardCredit') THEN line.link ->> 'TxnId' END AS expense_id,
    CASE WHEN line.link ->> 'TxnType' = 'JournalEntry' THEN line.link ->> 'TxnId' END AS journal_entry_id,
    CASE WHEN line.link ->> 'TxnType' IN ('BillPayment', 'BillPaymentCheck', 'BillPaymentCreditCard') THEN line.link ->> 'TxnId' END AS linked_bill_payment_id,
    CASE WHEN line.link ->> 'TxnType' = 'VendorCredit' THEN line.link ->> 'TxnId' END AS vendor_credit_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.bill_payment AS held
CROSS JOIN LATERAL linked(held.doc) AS line
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW vendor_credit AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{VendorRef,value}' AS vendor_id,
    number(held.doc -> 'Balance') AS balance,
    held.doc #>> '{APAccountRef,value}' AS payable_account_id,
    held.doc ->> 'PrivateNote' AS private_note,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.vendor_credit AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW vendor_credit_line AS
SELECT
    held.realm_id,
    held.id AS vendor_credit_id,
    line.index,
    expense.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.vendor_credit AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
CROSS JOIN LATERAL expense(line.doc) AS expense
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW purchase AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{AccountRef,value}' AS account_id,
    coalesce(truth(held.doc -> 'Credit'), false) AS credit,
    held.doc ->> 'PaymentType' AS payment_type,
    CASE held.doc #>> '{EntityRef,type}' WHEN 'Customer' THEN held.doc #>> '{EntityRef,value}' END AS customer_id,
    CASE held.doc #>> '{EntityRef,type}' WHEN 'Vendor' THEN held.doc #>> '{EntityRef,value}' END AS vendor_id,
    CASE held.doc #>> '{EntityRef,type}' WHEN 'Employee' THEN held.doc #>> '{EntityRef,value}' END AS employee_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.purchase AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW purchase_line AS
SELECT
    held.realm_id,
    held.id AS purchase_id,
    line.index,
    expense.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.purchase AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
CROSS JOIN LATERAL expense(line.doc) AS expense
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW purchase_tax_line AS
SELECT
    held.realm_id,
    held.id AS purchase_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.purchase AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW purchase_order AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    held.doc #>> '{VendorRef,value}' AS vendor_id,
    day(held.doc -> 'DueDate') AS due_date,
    held.doc #>> '{APAccountRef,value}' AS payable_account_id,
    held.doc ->> 'POStatus' AS status,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.purchase_order AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW purchase_order_line AS
SELECT
    held.realm_id,
    held.id AS purchase_order_id,
    line.index,
    expense.*,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.purchase_order AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
CROSS JOIN LATERAL expense(line.doc) AS expense
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW purchase_order_linked_txn AS
SELECT
    held.realm_id,
    held.id AS purchase_order_id,
    line.index,
    CASE WHEN line.doc ->> 'TxnType' = 'Bill' THEN line.doc ->> 'TxnId' END AS bill_id,
    CASE WHEN line.doc ->> 'TxnType' IN ('Purchase', 'Expense', 'Check', 'CashPurchase', 'CreditCardCharge') THEN line.doc ->> 'TxnId' END AS purchase_id,
    CASE WHEN line.doc ->> 'TxnType' = 'VendorCredit' THEN line.doc ->> 'TxnId' END AS vendor_credit_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.purchase_order AS held
CROSS JOIN LATERAL elements(held.doc -> 'LinkedTxn') AS line
WHERE held.deleted_at IS NULL;

-- Money moved, and journals

CREATE OR REPLACE VIEW transfer AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    number(held.doc -> 'Amount') AS amount,
    held.doc #>> '{FromAccountRef,value}' AS from_account_id,
    held.doc #>> '{ToAccountRef,value}' AS to_account_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.transfer AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW deposit AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    number(held.doc -> 'HomeTotalAmt') AS home_total_amount,
    held.doc #>> '{DepositToAccountRef,value}' AS account_id,
    held.doc ->> 'TxnStatus' AS transaction_status,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.deposit AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW deposit_line AS
SELECT
    held.realm_id,
    held.id AS deposit_id,
    line.index,
    number(line.doc -> 'Amount') AS amount,
    line.doc ->> 'Description' AS description,
    line.doc #>> '{DepositLineDetail,AccountRef,value}' AS deposit_account_id,
    line.doc #>> '{DepositLineDetail,ClassRef,value}' AS deposit_class_id,
    CASE upper(line.doc #>> '{DepositLineDetail,Entity,type}') WHEN 'CUSTOMER' THEN line.doc #>> '{DepositLineDetail,Entity,value}' END AS deposit_customer_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.deposit AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW deposit_tax_line_detail AS
SELECT
    held.realm_id,
    held.id AS deposit_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.deposit AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW credit_card_payment_txn AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    number(held.doc -> 'Amount') AS amount,
    held.doc #>> '{BankAccountRef,value}' AS bank_account_id,
    held.doc #>> '{CreditCardAccountRef,value}' AS credit_card_account_id,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.credit_card_payment AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW journal_entry AS
SELECT
    held.realm_id,
    held.id,
    held.created_at,
    held.updated_at,
    head.*,
    truth(held.doc -> 'Adjustment') AS adjustment,
    held.doc ->> 'PrivateNote' AS private_note,
    held.deleted_at IS NOT NULL AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.journal_entry AS held
LEFT JOIN home ON home.realm_id = held.realm_id
CROSS JOIN LATERAL head(held.doc, home.currency_id) AS head;

CREATE OR REPLACE VIEW journal_entry_line AS
SELECT
    held.realm_id,
    held.id AS journal_entry_id,
    line.index,
    number(line.doc -> 'Amount') AS amount,
    line.doc ->> 'Description' AS description,
    line.doc #>> '{JournalEntryLineDetail,PostingType}' AS posting_type,
    line.doc #>> '{JournalEntryLineDetail,AccountRef,value}' AS account_id,
    line.doc #>> '{JournalEntryLineDetail,ClassRef,value}' AS class_id,
    line.doc #>> '{JournalEntryLineDetail,DepartmentRef,value}' AS department_id,
    line.doc #>> '{JournalEntryLineDetail,BillableStatus}' AS billable_status,
    CASE line.doc #>> '{JournalEntryLineDetail,Entity,Type}' WHEN 'Customer' THEN line.doc #>> '{JournalEntryLineDetail,Entity,EntityRef,value}' END AS customer_id,
    CASE line.doc #>> '{JournalEntryLineDetail,Entity,Type}' WHEN 'Vendor' THEN line.doc #>> '{JournalEntryLineDetail,Entity,EntityRef,value}' END AS vendor_id,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.journal_entry AS held
CROSS JOIN LATERAL elements(held.doc -> 'Line') AS line
WHERE held.deleted_at IS NULL;

CREATE OR REPLACE VIEW journal_entry_tax_line AS
SELECT
    held.realm_id,
    held.id AS journal_entry_id,
    line.index,
    tax.*,
    false AS _fivetran_deleted,
    held.landed_at AS _fivetran_synced,
    held.realm_id AS _dbt_source_relation
FROM qbo.journal_entry AS held
CROSS JOIN LATERAL elements(held.doc #> '{TxnTaxDetail,TaxLine}') AS line
CROSS JOIN LATERAL tax(line.doc) AS tax
WHERE held.deleted_at IS NULL;
