/*
 * What the boot loader told the kernel.
 *
 * Left out: all of it. Nothing boots here.
 */
#ifndef DDI_DMA_SYS_BOOTCONF_H
#define DDI_DMA_SYS_BOOTCONF_H

#include <sys/types.h>

#endif /* DDI_DMA_SYS_BOOTCONF_H */
