/* Functions with variable arguments: they format, and hand the text to the library. */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
