"""The words that names, addresses and notes are made of, with those among them that break careless programs."""

from __future__ import annotations

GIVEN = (
    "Amara", "Björn", "Chloé", "Dmitri", "Eilidh", "Fatima", "Gwen", "Hiroshi", "Inés", "João",
    "Katya", "Liam", "María", "Noah", "Olga", "Priya", "Quentin", "Rosa", "Søren", "Tomás",
    "Uma", "Víctor", "Wei", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip

FAMILY = (
    "Abbott", "Brontë", "Castañeda", "D'Angelo", "Esposito", "Fischer", "García", "Häkkinen", "Ibrahim", "Jørgensen",
    "Kowalczyk", "Lefèvre", "Müller", "Nguyễn", "O'Brien", "Peña", "Qureshi", "Rodríguez", "Smith", "Tanaka",
    "Ünal", "Vázquez", "Wójcik", "Xu", "Yáñez", "Zimmermann",
)  # fmt: skip

TRADES = (
    "Bakery", "Builders", "Cabinets", "Catering", "Cleaning", "Consulting", "Dental", "Design", "Electric", "Farms",
    "Fitness", "Flooring", "Florist", "Foods", "Garage", "Garden Care", "Glass", "Interiors", "Landscaping", "Legal",
    "Logistics", "Motors", "Optics", "Painting", "Pharmacy", "Plumbing", "Printing", "Roofing", "Security", "Textiles",
)  # fmt: skip

SUFFIXES = ("LLC", "Inc.", "Ltd", "& Sons", "Co.", "GmbH", "S.A.", "Partners", "")

PROJECTS = ("Kitchen", "Office", "Phase 2", "Roof", "Store 7", "Warehouse", "Website", "Winter contract")

AWKWARD = (
    "O'Malley's \"Best\" Bakery",
    "Back\\slash & Sons",
    "Ångström Électricité",
    "北京烤鸭店",
    "🌮 Taco Town 🌮",
    "Zażółć gęślą jaźń",
    "PG&E <billing>",
    "100% Pure Ltd",
)
"""Names with an apostrophe, quotes, a backslash, an ampersand, a percent sign, and letters far from ASCII."""

STREETS = ("Finch St.", "Capital Drive", "Main St.", "Rue de l'Été", "Oak Ave.", "High Street", "Elm Road", "Bay View")
CITIES = ("Bayshore", "Tucson", "Palo Alto", "Middlefield", "Saint-Étienne", "San José", "Leeds", "Québec")
STATES = ("CA", "AZ", "NY", "TX", "WA", "QC", "ON", "FL")

PRODUCTS = (
    "Design", "Gardening", "Hours", "Installation", "Maintenance & Repair", "Pest Control", "Pump", "Rock Fountain",
    "Rocks", "Services", "Sod", "Sprinkler Heads", "Sprinkler Pipes", "Trimming", "Concrete", "Lighting", "Permit",
    "Refunds & Allowances", "Soil", "Café crème", '5" pipe', "Training", "Delivery", "Support plan", "Licence",
)  # fmt: skip

DESCRIPTIONS = (
    "Custom design", "Weekly gardening service", "2 cubic ft. bag", "Fountain pump", 'Sprinkler heads, 12"',
    "Tree and shrub trimming", "Agreed by telephone", "Per our e-mail of Tuesday, thank you!", "Travel included",
    "Installation of landscape design as discussed on site; materials are charged apart", "Réparation urgente",
)  # fmt: skip

NOTES = (
    "Called twice.", "Paid late, as always", "Approved by Søren", "See the folder C:\\books\\2019",
    "Check the discount!", 'Client asked for "net 45"', "✅ done",
    "Left a voicemail, will call back next week about the open amount.",
)  # fmt: skip

MEMO = "Thank you for your business and have a great day!"
