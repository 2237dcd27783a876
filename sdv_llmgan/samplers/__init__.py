"""Where rows come from after the fit."""
