/*
 * Building error reports.
 *
 * Left out: all of it; nothing here collects reports. What a handle can be asked is in <sys/ddifm.h>.
 */
#ifndef DDI_DMA_SYS_FM_UTIL_H
#define DDI_DMA_SYS_FM_UTIL_H

#include <sys/ddifm.h>

#endif /* DDI_DMA_SYS_FM_UTIL_H */
