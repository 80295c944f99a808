"""Pictures of what verbs answer. One under ``@plot_of(Result)`` is what that result's ``plot()`` draws."""
