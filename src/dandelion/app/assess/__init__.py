"""assess: a lender's own files, judged without a vault.

In: a folder of invoices (`invoices_*`), or one file of payments (`payments_*`).  Out: decisions or an indicative limit,
a self-contained page, CSV and JSON.  The use cases `assess_invoices` and `assess_payments` compose what stands here.
"""
