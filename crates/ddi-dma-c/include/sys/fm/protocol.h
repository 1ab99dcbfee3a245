/*
 * The protocol of error reports.
 *
 * Left out: all of it but the names of classes, which drivers build strings of. Nothing here collects reports.
 */
#ifndef DDI_DMA_SYS_FM_PROTOCOL_H
#define DDI_DMA_SYS_FM_PROTOCOL_H

#define FM_VERSION "version"
#define FM_CLASS "class"
#define FM_MAX_CLASS 100
#define FM_EREPORT_CLASS "ereport"
#define FM_ERROR_CPU "cpu"
#define FM_ERROR_IO "io"

#endif /* DDI_DMA_SYS_FM_PROTOCOL_H */
