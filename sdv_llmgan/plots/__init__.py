"""Pictures of a fit and of what came of it: functions that return plotly figures, as SDV's do.

from sdv_llmgan import plots

plots.get_steps_plot(synthesizer.history)
plots.get_diagnostics_plot(synthesizer.history)
plots.get_causal_graph_plot(synthesizer.get_causal_graph())
plots.get_knowledge_plot(synthesizer)
plots.get_dcr_plot(train, synthetic, held_out, metadata)
plots.get_map_plot(train, synthetic, metadata)

The loss curve is SDV's own: ``synthesizer.get_loss_values_plot()``.
"""

from sdv_llmgan.plots.graphs import (
    compare_causal_graphs,
    get_causal_graph_plot,
    visualize_causal_graph,
)
from sdv_llmgan.plots.knowledge import get_knowledge_plot
from sdv_llmgan.plots.steps import (
    get_diagnostics_plot,
    get_graph_distance_plot,
    get_steps_plot,
)
from sdv_llmgan.plots.tables import get_dcr_plot, get_map_plot

__all__ = [
    'compare_causal_graphs',
    'get_causal_graph_plot',
    'get_dcr_plot',
    'get_diagnostics_plot',
    'get_graph_distance_plot',
    'get_knowledge_plot',
    'get_map_plot',
    'get_steps_plot',
    'visualize_causal_graph',
]
