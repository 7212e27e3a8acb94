//! Nothing: this package only turns on features. See its manifest.
