"""app: the roof.  Use cases, HTTP API and command line; the only room that composes the others.

In: requests from merchants, staff and services.  Out: answers, and the record of how each came about.
`usecases/` has one file per use case; `api/` maps HTTP to them; `cli/` the command line; it holds no business rules.
"""
