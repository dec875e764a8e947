"""The demo: a simulated economy, one merchant served over HTTP, and the portfolio on a cohort nobody trained on."""
