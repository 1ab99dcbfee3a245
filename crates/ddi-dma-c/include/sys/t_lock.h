/* The older name of <sys/ksynch.h>. */
#ifndef DDI_DMA_SYS_T_LOCK_H
#define DDI_DMA_SYS_T_LOCK_H

#include <sys/ksynch.h>

#endif /* DDI_DMA_SYS_T_LOCK_H */
