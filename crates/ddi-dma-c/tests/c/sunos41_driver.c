/*
 * sx: a block driver for SunOS 4.1, in the C of its time. Its start routine maps buffers into DVMA space, retrieves the
 * address, and programs the device; its interrupt routine frees the mapping. It maps ahead: while the device moves one
 * buffer, the next ones are mapped already, as far as there is space.
 */

#include "sunos41.h"

#define NSX             1       /* units */
#define NCMD            4       /* buffers that are mapped at a time */

/* A buffer that is mapped. */
struct sxcmd {
    struct  buf *c_bp;
    int     c_mbinfo;           /* what mb_mapalloc returned */
};

/* A unit. */
struct sxunit {
    struct  ddi_dma_sim_disk *sx_reg;
    struct  buf *sx_head;       /* bufs that are not mapped yet */
    struct  buf *sx_tail;
    struct  sxcmd sx_cmd[NCMD]; /* bufs that are, in a ring */
    int     sx_first;           /* the one that the device moves */
    int     sx_count;
    int     sx_runout;          /* sxstart waits for space */
} sxunit[NSX];

int     sxcalls;                /* how often sxstart was called as the wait function */

int     sxprobe(), sxattach(), sxintr();

struct  mb_device *sxdinfo[NSX];
struct  mb_driver sxdriver = {
    sxprobe, 0, sxattach, 0, 0, sxintr,
    sizeof (struct ddi_dma_sim_disk), "sx", sxdinfo, 0, 0, MDR_BIODMA, 0
};

/* Tells whether there is a disk at these registers: the bytes that they take. */
int
sxprobe(reg, unit)
    caddr_t reg;
    int unit;
{
    register struct ddi_dma_sim_disk *dp = (struct ddi_dma_sim_disk *)reg;

    if (unit >= NSX)
        return (0);
    SXPUT8(dp, csr, DDI_DMA_SIM_RESET);
    if (SXGET8(dp, csr) & (DDI_DMA_SIM_BUSY | DDI_DMA_SIM_ERROR))
        return (0);
    return (sizeof (struct ddi_dma_sim_disk));
}

int
sxattach(md)
    register struct mb_device *md;
{
    sxunit[md->md_unit].sx_reg = (struct ddi_dma_sim_disk *)md->md_addr;
    sxdinfo[md->md_unit] = md;
    return (0);
}

/* Has the device move the first of the mapped buffers. */
static int
sxgo(sx)
    register struct sxunit *sx;
{
    register struct sxcmd *c = &sx->sx_cmd[sx->sx_first];
    register int addr = MBI_ADDR(c->c_mbinfo);
    register int csr = DDI_DMA_SIM_START_TRANSFER | DDI_DMA_SIM_ENABLE_INTERRUPTS;

    if (c->c_bp->b_flags & B_READ)
        csr |= DDI_DMA_SIM_TO_MEMORY;
    SXPUT64(sx->sx_reg, block, c->c_bp->b_blkno);
    SXPUT32(sx->sx_reg, sglist[0].dma_addr, addr);
    SXPUT32(sx->sx_reg, sglist[0].dma_size, c->c_bp->b_bcount);
    SXPUT8(sx->sx_reg, csr, csr);
    return (0);
}

/* Maps as many buffers as there is space for. Called at splbio, and as the wait function. */
static int
sxstart(arg)
    caddr_t arg;
{
    register struct sxunit *sx = (struct sxunit *)arg;
    register struct buf *bp;
    register int mbinfo;

    if (sx->sx_runout)
        sxcalls++;
    while ((bp = sx->sx_head) != NULL && sx->sx_count < NCMD) {
        mbinfo = mb_mapalloc(dvmamap, bp, MB_CANTWAIT | MDR_BIGSBUS, sxstart, arg);
        if (mbinfo == 0) {
            sx->sx_runout = 1;
            return (DVMA_RUNOUT);
        }
        sx->sx_head = bp->av_forw;
        sx->sx_cmd[(sx->sx_first + sx->sx_count) % NCMD].c_bp = bp;
        sx->sx_cmd[(sx->sx_first + sx->sx_count) % NCMD].c_mbinfo = mbinfo;
        if (sx->sx_count++ == 0)
            (void) sxgo(sx);
    }
    sx->sx_runout = 0;
    return (0);
}

int
sxstrategy(bp)
    register struct buf *bp;
{
    register struct sxunit *sx = &sxunit[bp->b_dev];
    register int s;

    bp->av_forw = NULL;
    s = splbio();
    if (sx->sx_head == NULL)
        sx->sx_head = bp;
    else
        sx->sx_tail->av_forw = bp;
    sx->sx_tail = bp;
    if (!sx->sx_runout)
        (void) sxstart((caddr_t)sx);
    (void) splx(s);
    return (0);
}

/* Called at the level of the device. Tells whether one of the units had interrupted. */
int
sxintr()
{
    register struct sxunit *sx;
    register struct sxcmd *c;
    register int csr, found = 0;

    for (sx = sxunit; sx < &sxunit[NSX]; sx++) {
        csr = SXGET8(sx->sx_reg, csr);
        if ((csr & DDI_DMA_SIM_INTERRUPTING) == 0)
            continue;
        found = 1;
        c = &sx->sx_cmd[sx->sx_first];
        if (csr & DDI_DMA_SIM_ERROR)
            c->c_bp->b_flags |= B_ERROR;
        c->c_bp->b_resid = SXGET64(sx->sx_reg, residue);
        SXPUT8(sx->sx_reg, csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
        mb_mapfree(dvmamap, &c->c_mbinfo);
        iodone(c->c_bp);
        sx->sx_first = (sx->sx_first + 1) % NCMD;
        if (--sx->sx_count > 0)
            (void) sxgo(sx);
        if (!sx->sx_runout)
            (void) sxstart((caddr_t)sx);
    }
    return (found);
}
