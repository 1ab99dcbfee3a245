/* The kernel's name for <inttypes.h>. */
#ifndef DDI_DMA_SYS_INTTYPES_H
#define DDI_DMA_SYS_INTTYPES_H

#include <inttypes.h>

#endif /* DDI_DMA_SYS_INTTYPES_H */
