/*
 * Attributes of a DMA engine, flags and return codes of the DMA functions.
 *
 * Left out: `ddi_dma_lim_t` and `ddi_dma_req_t` of the interface before ddi_dma_alloc_handle(9F), and the operations of
 * the nexus drivers.
 */
#ifndef DDI_DMA_SYS_DDIDMAREQ_H
#define DDI_DMA_SYS_DDIDMAREQ_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMA_ATTR_V0 0
#define DMA_ATTR_VERSION DMA_ATTR_V0

/* What a DMA engine can do (ddi_dma_attr(9S)). */
typedef struct ddi_dma_attr {
    uint_t dma_attr_version;
    uint64_t dma_attr_addr_lo;
    uint64_t dma_attr_addr_hi;
    uint64_t dma_attr_count_max;
    uint64_t dma_attr_align;
    uint_t dma_attr_burstsizes;
    uint32_t dma_attr_minxfer;
    uint64_t dma_attr_maxxfer;
    uint64_t dma_attr_seg;
    int dma_attr_sgllen;
    uint32_t dma_attr_granular;
    uint_t dma_attr_flags;
} ddi_dma_attr_t;

/* dma_attr_flags */
#define DDI_DMA_FORCE_PHYSICAL 0x0100
#define DDI_DMA_FLAGERR 0x0200
#define DDI_DMA_RELAXED_ORDERING 0x0400

/*
 * What to do where resources are short: refuse, wait, or (a function) refuse and call back when there may be some. The
 * callback returns whether it has what it wanted.
 */
#define DDI_DMA_DONTWAIT ((int (*)(caddr_t))0)
#define DDI_DMA_SLEEP ((int (*)(caddr_t))1)

#define DDI_DMA_CALLBACK_RUNOUT 0
#define DDI_DMA_CALLBACK_DONE 1

/* Flags of a bind and of ddi_dma_mem_alloc(9F). READ is from the device to memory. */
#define DDI_DMA_WRITE 0x0001
#define DDI_DMA_READ 0x0002
#define DDI_DMA_RDWR (DDI_DMA_READ | DDI_DMA_WRITE)
#define DDI_DMA_REDZONE 0x0004
#define DDI_DMA_PARTIAL 0x0008
#define DDI_DMA_CONSISTENT 0x0010
#define DDI_DMA_EXCLUSIVE 0x0020
#define DDI_DMA_STREAMING 0x0040
#define DDI_DMA_SBUS_64BIT 0x2000

/* How ddi_dma_mem_alloc(9F) shall map what it gives. */
#define IOMEM_DATA_CACHED 0x10000
#define IOMEM_DATA_UC_WR_COMBINE 0x20000
#define IOMEM_DATA_UNCACHED 0x40000
#define IOMEM_DATA_MASK 0xF0000

/* What a bind, and ddi_dma_alloc_handle(9F), return. */
#define DDI_DMA_MAPPED 0
#define DDI_DMA_MAPOK 0
#define DDI_DMA_PARTIAL_MAP 1
#define DDI_DMA_DONE 2
#define DDI_DMA_NORESOURCES (-1)
#define DDI_DMA_NOMAPPING (-2)
#define DDI_DMA_TOOBIG (-3)
#define DDI_DMA_TOOSMALL (-4)
#define DDI_DMA_LOCKED (-5)
#define DDI_DMA_BADLIMITS (-6)
#define DDI_DMA_STALE (-7)
#define DDI_DMA_BADATTR (-8)
#define DDI_DMA_INUSE (-9)
#define DDI_DMA_USE_PHYSICAL (-10)

/* Whose view of the object ddi_dma_sync(9F) brings up to date. */
#define DDI_DMA_SYNC_FORDEV 0x0
#define DDI_DMA_SYNC_FORCPU 0x1
#define DDI_DMA_SYNC_FORKERNEL 0x2

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDIDMAREQ_H */
