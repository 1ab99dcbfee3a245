/*
 * Minima, alignments to powers of two, and device numbers, beside the C library's <sys/sysmacros.h>.
 *
 * `major`, `minor` and `makedev` stay the C library's, of its own device numbers; drivers take those of the DDI apart
 * with getmajor(9F) and getminor(9F) of <sys/ddi.h>. Left out: tables for decimal digits, and numbers of SVR3.
 */
#ifndef DDI_DMA_SYS_SYSMACROS_H
#define DDI_DMA_SYS_SYSMACROS_H

#include <sys/param.h>
#include <sys/stddef.h>
#include <sys/types.h>

#include_next <sys/sysmacros.h>

#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#endif
#ifndef MAX
#define MAX(a, b) ((a) < (b) ? (b) : (a))
#endif
#ifndef ABS
#define ABS(a) ((a) < 0 ? -(a) : (a))
#endif
#ifndef SIGNOF
#define SIGNOF(a) ((a) < 0 ? -1 : (a) > 0)
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#endif

/* Units that hold x things, y to a unit; and x rounded up to whole units. */
#ifndef howmany
#define howmany(x, y) (((x) + ((y) - 1)) / (y))
#endif
#ifndef roundup
#define roundup(x, y) ((((x) + ((y) - 1)) / (y)) * (y))
#endif

/* Disk blocks and bytes. */
#define dtob(blocks) ((blocks) << DEV_BSHIFT)
#define btod(bytes) (((bytes) + DEV_BSIZE - 1) >> DEV_BSHIFT)
#define btodt(bytes) ((bytes) >> DEV_BSHIFT)
#define lbtod(bytes) (((offset_t)(bytes) + DEV_BSIZE - 1) >> DEV_BSHIFT)

#define ISP2(x) (((x) & ((x) - 1)) == 0)
#define IS_P2ALIGNED(v, a) ((((uintptr_t)(v)) & ((uintptr_t)(a) - 1)) == 0)

/*
 * `align` is a power of two everywhere below. Operands of different width go wrong where the narrower is unsigned: use
 * the _TYPED ones there.
 */

/* x rounded down: 0x1234 by 0x100 is 0x1200. */
#define P2ALIGN(x, align) ((x) & -(align))
/* How far x is beyond that: 0x34. */
#define P2PHASE(x, align) ((x) & ((align) - 1))
/* How far it is to the next boundary: 0xcc. 0 on a boundary. */
#define P2NPHASE(x, align) (-(x) & ((align) - 1))
/* x rounded up: 0x1300. */
#define P2ROUNDUP(x, align) (-(-(x) & -(align)))
/* The boundary behind x: 0x1300. Behind one on a boundary it is the next. */
#define P2END(x, align) (-(~(x) & -(align)))
/* x rounded up to a place `phase` beyond a boundary: for phase 0x10, 0x1310. */
#define P2PHASEUP(x, align, phase) ((phase) - (((phase) - (x)) & -(align)))
/* Whether a boundary lies within the `len` bytes from `off`. */
#define P2BOUNDARY(off, len, align) (((off) ^ ((off) + (len) - 1)) > (align) - 1)
/* Whether the highest bit that is set is the same in both. */
#define P2SAMEHIGHBIT(x, y) (((x) ^ (y)) < ((x) & (y)))

#define P2ALIGN_TYPED(x, align, type) ((type)(x) & -(type)(align))
#define P2PHASE_TYPED(x, align, type) ((type)(x) & ((type)(align) - 1))
#define P2NPHASE_TYPED(x, align, type) (-(type)(x) & ((type)(align) - 1))
#define P2ROUNDUP_TYPED(x, align, type) (-(-(type)(x) & -(type)(align)))
#define P2END_TYPED(x, align, type) (-(~(type)(x) & -(type)(align)))
#define P2PHASEUP_TYPED(x, align, phase, type) \
    ((type)(phase) - (((type)(phase) - (type)(x)) & -(type)(align)))
#define P2CROSS_TYPED(x, y, align, type) (((type)(x) ^ (type)(y)) > (type)(align) - 1)
#define P2SAMEHIGHBIT_TYPED(x, y, type) (((type)(x) ^ (type)(y)) < ((type)(x) & (type)(y)))

/* Bits of a device number: the driver's in the upper half, the unit's in the lower. */
#define L_BITSMAJOR 32
#define L_BITSMINOR 32
#define L_MAXMAJ 0xfffffffful
#define L_MAXMIN 0xfffffffful

/* Bit fields of a byte, from bit 0 upwards. */
#define DECL_BITFIELD2(a, b) uint8_t a, b
#define DECL_BITFIELD3(a, b, c) uint8_t a, b, c
#define DECL_BITFIELD4(a, b, c, d) uint8_t a, b, c, d
#define DECL_BITFIELD5(a, b, c, d, e) uint8_t a, b, c, d, e
#define DECL_BITFIELD6(a, b, c, d, e, f) uint8_t a, b, c, d, e, f
#define DECL_BITFIELD7(a, b, c, d, e, f, g) uint8_t a, b, c, d, e, f, g
#define DECL_BITFIELD8(a, b, c, d, e, f, g, h) uint8_t a, b, c, d, e, f, g, h

#endif /* DDI_DMA_SYS_SYSMACROS_H */
