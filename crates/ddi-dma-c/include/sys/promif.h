/*
 * The firmware's interface.
 *
 * Left out: all of it. There is no firmware to ask; the properties of a device are those of ddi_prop_get_int(9F).
 */
#ifndef DDI_DMA_SYS_PROMIF_H
#define DDI_DMA_SYS_PROMIF_H

#include <sys/types.h>

#endif /* DDI_DMA_SYS_PROMIF_H */
