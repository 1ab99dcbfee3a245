/* The kernel's name for <stdint.h>. */
#ifndef DDI_DMA_SYS_INT_TYPES_H
#define DDI_DMA_SYS_INT_TYPES_H

#include <stdint.h>

#endif /* DDI_DMA_SYS_INT_TYPES_H */
