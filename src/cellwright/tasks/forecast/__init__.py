"""The forecast task: from columns over time to what comes next. Floor 6."""
