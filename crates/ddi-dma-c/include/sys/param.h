/*
 * Sizes of pages and blocks, beside what the C library's <sys/param.h> holds.
 *
 * Left out: `hz`, a variable there; drv_usectohz(9F) and drv_hztousec(9F) convert.
 */
#ifndef DDI_DMA_SYS_PARAM_H
#define DDI_DMA_SYS_PARAM_H

#include <sys/types.h>

#include_next <sys/param.h>

/* The machine's page. */
#define MMU_PAGESIZE 0x1000
#define MMU_PAGESHIFT 12
#define MMU_PAGEOFFSET (MMU_PAGESIZE - 1)
#define MMU_PAGEMASK (~MMU_PAGEOFFSET)

#ifndef PAGESIZE
#define PAGESIZE 0x1000
#endif
#ifndef PAGESHIFT
#define PAGESHIFT 12
#endif
#ifndef PAGEOFFSET
#define PAGEOFFSET (PAGESIZE - 1)
#endif
#ifndef PAGEMASK
#define PAGEMASK (~PAGEOFFSET)
#endif
#ifndef NBPP
#define NBPP PAGESIZE
#endif

/* Blocks of a disk. */
#ifndef DEV_BSIZE
#define DEV_BSIZE 512
#endif
#ifndef DEV_BSHIFT
#define DEV_BSHIFT 9
#endif
#define UBSIZE 512
#define NBPSCTR 512
#define SCTRSHFT 9
#ifndef MAXBSIZE
#define MAXBSIZE 8192
#endif

#ifndef btodb
#define btodb(bytes) ((unsigned long)(bytes) >> DEV_BSHIFT)
#endif
#ifndef dbtob
#define dbtob(blocks) ((unsigned long)(blocks) << DEV_BSHIFT)
#endif
#define lbtodb(bytes) ((u_offset_t)(bytes) >> DEV_BSHIFT)
#define ldbtob(blocks) ((u_offset_t)(blocks) << DEV_BSHIFT)

#ifndef MAXNAMELEN
#define MAXNAMELEN 256
#endif
#ifndef MAXPATHLEN
#define MAXPATHLEN 1024
#endif
#ifndef NBBY
#define NBBY 8
#endif
#define NBPW sizeof(int)
#define MAXOFFSET_T 0x7fffffffffffffffl

#endif /* DDI_DMA_SYS_PARAM_H */
