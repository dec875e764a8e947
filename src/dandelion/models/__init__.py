"""models: train, calibrate, judge, register and score.  Knows Frames, nothing else.

In: a `Frame` and labels.  Out: a registered, calibrated model that scores a Frame in whole parts per million.
"""
