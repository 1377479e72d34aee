"""Others' models as ours: scikit-learn regressors, statsforecast models, plain functions.

Each fits one partition at a time. What it keeps of a fit is what forecasts need, as numbers in
Arrow columns: expected values hour by hour ahead, and how far they were off on held-out weeks. So
a forecast needs neither the library nor the store, and nothing is ever unpickled.
"""
