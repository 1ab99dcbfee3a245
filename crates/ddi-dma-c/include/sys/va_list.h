/* The kernel's name for <stdarg.h>. */
#ifndef DDI_DMA_SYS_VA_LIST_H
#define DDI_DMA_SYS_VA_LIST_H

#include <stdarg.h>

#endif /* DDI_DMA_SYS_VA_LIST_H */
