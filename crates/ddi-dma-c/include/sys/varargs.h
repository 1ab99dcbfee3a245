/* The kernel's name for <stdarg.h>. */
#ifndef DDI_DMA_SYS_VARARGS_H
#define DDI_DMA_SYS_VARARGS_H

#include <stdarg.h>

#endif /* DDI_DMA_SYS_VARARGS_H */
