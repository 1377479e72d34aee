"""The simulated television market: nobody watched it, and every file says so."""
