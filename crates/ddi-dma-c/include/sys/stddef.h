/* The kernel's name for <stddef.h>. */
#ifndef DDI_DMA_SYS_STDDEF_H
#define DDI_DMA_SYS_STDDEF_H

#include <stddef.h>

#endif /* DDI_DMA_SYS_STDDEF_H */
