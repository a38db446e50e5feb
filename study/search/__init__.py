"""Ray Tune schedules trials that Optuna proposes: plan, journal, search, confirmation."""
