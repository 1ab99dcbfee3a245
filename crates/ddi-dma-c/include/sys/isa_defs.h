/*
 * What the machine is: the byte order and data model, as drivers test for them.
 *
 * Left out: machines other than those with 64-bit pointers and little-endian byte order.
 */
#ifndef DDI_DMA_SYS_ISA_DEFS_H
#define DDI_DMA_SYS_ISA_DEFS_H

#if !defined(__LP64__)
#error "ddi-dma: the layouts of these headers are those of 64-bit machines; compile for one (-m64)"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ddi-dma: the layouts of these headers are those of little-endian machines"
#endif

#ifndef _LP64
#define _LP64 1
#endif
#ifndef _LITTLE_ENDIAN
#define _LITTLE_ENDIAN
#endif
#ifndef _BIT_FIELDS_LTOH
#define _BIT_FIELDS_LTOH
#endif
#ifndef _LONG_LONG_LTOH
#define _LONG_LONG_LTOH
#endif
#ifndef _LONGLONG_TYPE
#define _LONGLONG_TYPE
#endif

#endif /* DDI_DMA_SYS_ISA_DEFS_H */
