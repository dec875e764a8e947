"""The words of the shipped model's card; figures of accuracy stand in docs/graph.md, beside the bench that prints them."""

CARD = """# Model card: business or private person

* model `{hash}`, {family}, calibrated by {by} on towns that trained nothing else
* learnt from simulated towns only: seeds {first} to {last}, {people:,} people and {months} months each, every town in full,
  through windows of 25 to 90 and of 25 to 35 days, and through a longer window with part of the payments missing
* label: is a business; staged shops of rings and made-up merchants teach nothing
* of those whom nobody paid in what it learnt from, {unpaid} were businesses: it says no more of such accounts
* rebuilt by `dandelion models train-identification --seeds {first}-{last} --people {people} --out src/dandelion/graph/shipped`

## What it is for
To rank the accounts of a file of payments by how likely they are businesses, registered or not.  It says nothing about whether
a business is good, and no decision to decline may rest on it alone.

## What it is not for
The probabilities are calibrated on simulated towns.  In real files only their order has a claim, until somebody has compared
them with known merchants.  Files shorter than a month, or without private payments between people, leave it little to see.

## Accuracy
`make bench NAME=graph_accuracy` judges it on towns it has never seen and on a differently built generator; figures in docs/graph.md.

## Columns
{columns}
"""
