"""framing inside other libraries: one module each, named after the library, which it alone imports."""
