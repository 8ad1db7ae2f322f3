"""Many instances: finding them, naming what comes out, converting one after the other."""
