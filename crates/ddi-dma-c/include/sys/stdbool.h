/* The kernel's name for <stdbool.h>. */
#ifndef DDI_DMA_SYS_STDBOOL_H
#define DDI_DMA_SYS_STDBOOL_H

#include <stdbool.h>

#endif /* DDI_DMA_SYS_STDBOOL_H */
