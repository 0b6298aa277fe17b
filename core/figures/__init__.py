"""Tensors in, plotly figures out."""
