"""assess: the two proofs on files that people bring, `assess payments` and `assess invoices`.

In: a bill, a table of payments or an export of invoices, as it is.  Out: limits with reasons, a page, JSON and CSV.
Doors: `dandelion.app.usecases.assess_payments` and `dandelion.app.usecases.assess_invoices`; shared by both are
`report_html` and `report_charts`.  `reading` finds a table in any file; `payments_*` and `invoices_*` are one proof each.
No limit formula, indicator or graph measure lives here: those are asked of policy, indicators and graph.
"""
