/*
 * Interrupt priority levels.
 *
 * Left out: all of it. There are no levels to raise; a lock that an interrupt handler takes is a mutex made with the
 * cookie of ddi_get_iblock_cookie(9F). Drivers of SunOS 4.1, which had levels alone, find them in <sundev/mbvar.h>.
 */
#ifndef DDI_DMA_SYS_SPL_H
#define DDI_DMA_SYS_SPL_H

#include <sys/types.h>

#endif /* DDI_DMA_SYS_SPL_H */
