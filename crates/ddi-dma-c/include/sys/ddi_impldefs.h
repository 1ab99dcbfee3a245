/*
 * The insides of a device (`struct dev_info`) and of handles.
 *
 * Left out: all of them; a device and a handle have no insides to see. The functions that drivers use in their stead
 * are in <sys/sunddi.h>: ddi_get_instance(9F), ddi_driver_name(9F), ddi_get_driver_private(9F).
 */
#ifndef DDI_DMA_SYS_DDI_IMPLDEFS_H
#define DDI_DMA_SYS_DDI_IMPLDEFS_H

#include <sys/types.h>
#include <sys/dditypes.h>
#include <sys/devops.h>

#endif /* DDI_DMA_SYS_DDI_IMPLDEFS_H */
