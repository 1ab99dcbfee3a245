/*
 * Vectors of interrupts.
 *
 * Left out: all of it. Handlers are added with ddi_add_intr(9F).
 */
#ifndef DDI_DMA_SYS_AVINTR_H
#define DDI_DMA_SYS_AVINTR_H

#include <sys/types.h>
#include <sys/ddi_intr.h>

#endif /* DDI_DMA_SYS_AVINTR_H */
