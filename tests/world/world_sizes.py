"""Arguments of the small world that the tests of this room share."""

SMALL = {"people": 1_500, "months": 12, "seed": 7}
