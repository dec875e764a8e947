"""app.rulings: the whole engine behind the API: rows in, durable records out, in small batches committed together.

`reading` reads requests, `desk` rules and keeps, `answering` tells, `engines` makes what rules, `replaying` does it again.
"""
