"""A history of any size from a small one: the rows that were sown, and their copies, each made when it is asked for.

Sowing takes some 75 microseconds a row, so that a first page within 100 ms cannot wait for more than a thousand. A
large company is therefore a *core* of some hundred rows, sown in full, many times over. Shared are the settings, the
chart and the small lists; copied is what a circle of customers does: customers, vendors, items in stock, attachments
and every transaction. A copy has its own Ids, names, numbers and days, and refers to its own customers and documents
where the core refers to the core's. It lives later than the core by a fixed step, so that the copies run beside one
another through the years, and neighbours in time are of different copies.

What follows is exact and needs no row that is not asked for:

- the n-th row by a time, and how many rows lie before an instant (`order`);
- the row of an Id, a name or a number (`rows`);
- the document itself: the core's bytes with other values in the places that differ (`stamp`);
- balances: a copy posts on the shared accounts what the core posts, to the cent, since its amounts, rates and the
  order of its days are the core's and its stock is its own. So an account holds `copies` times what the core posts
  on it, and a customer, a vendor or an item holds what its twin in the core does (`stocks`).

All of it is a function of the seed, the realm and the day. It can be forgotten and sown again at any time; what
people and programs change is kept apart, in `table`.
"""
