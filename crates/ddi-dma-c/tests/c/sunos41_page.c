/*
 * Runs a driver of docs/sunos-4.1.md, which is compiled beside this: that of SunOS 4.1 where SUNOS_4_1 is defined, and
 * that of SunOS 5.x otherwise. Its first buf has to wait for space.
 */

#include "sunos41.h"

#define BUFS    4
/* Two of them do not fit the space. */
#define BYTES   (40 * 1024)

extern int xxstrategy();

#ifdef SUNOS_4_1
extern int xxintr();
#else
extern int xxattach();
extern uint_t xxintr();
extern void xxdetach();
#endif

ddi_acc_handle_t sx_access;
static struct ddi_dma_sim_disk *registers;

/* Starts the device. */
void
xxgo(struct buf *bp, u_int address, size_t size)
{
    int csr = DDI_DMA_SIM_START_TRANSFER | DDI_DMA_SIM_ENABLE_INTERRUPTS;

    if (bp->b_flags & B_READ)
        csr |= DDI_DMA_SIM_TO_MEMORY;
    CHECK(address >= 0xFF000000u && size == bp->b_bcount);
    SXPUT64(registers, block, bp->b_blkno);
    SXPUT32(registers, sglist[0].dma_addr, address);
    SXPUT32(registers, sglist[0].dma_size, size);
    SXPUT8(registers, csr, csr);
}

/* Tells whether the device has interrupted, and clears that. */
int
xxended(void)
{
    if ((SXGET8(registers, csr) & DDI_DMA_SIM_INTERRUPTING) == 0)
        return (0);
    CHECK((SXGET8(registers, csr) & DDI_DMA_SIM_ERROR) == 0);
    SXPUT8(registers, csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    return (1);
}

#ifdef SUNOS_4_1
static uint_t
handler(caddr_t arg)
{
    int s = splbio(), found = xxintr(arg);

    (void) splx(s);
    return (found ? DDI_INTR_CLAIMED : DDI_INTR_UNCLAIMED);
}
#else
static uint_t
handler(caddr_t arg)
{
    return (xxintr(arg));
}
#endif

/* Moves all bufs while another mapping takes the space, until the first of them waits. */
static void
move(char memory[BUFS][BYTES], int way)
{
    static char other[BYTES];
    struct buf *bp[BUFS];
    int taken = mb_nbmapalloc(dvmamap, other, BYTES, MB_CANTWAIT, NULL, NULL), i;

    CHECK(taken != 0);
    for (i = 0; i < BUFS; i++) {
        bp[i] = sx_getbuf(memory[i], BYTES, i * (BYTES / 512), way);
        (void) xxstrategy(bp[i]);
    }
    mb_mapfree(dvmamap, &taken);
    for (i = 0; i < BUFS; i++) {
        CHECK(biowait(bp[i]) == 0);
        freerbuf(bp[i]);
    }
}

int
main(void)
{
    static char memory[BUFS][BYTES], disk[BUFS][BYTES];
    ddi_device_acc_attr_t attr = {
        DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC, DDI_DEFAULT_ACC
    };
    struct ddi_dma_statistics statistics;
    dev_info_t *dip = sx_open("sim:sbus-disk?dvma=64K");
    caddr_t mapped;

    CHECK(ddi_regs_map_setup(dip, 0, &mapped, 0, 0, &attr, &sx_access) == DDI_SUCCESS);
    registers = (struct ddi_dma_sim_disk *)(void *)mapped;
#ifndef SUNOS_4_1
    CHECK(xxattach(dip) == DDI_SUCCESS);
#endif
    CHECK(ddi_add_intr(dip, 0, NULL, NULL, handler, NULL) == DDI_SUCCESS);

    sx_fill(memory[0], sizeof (memory), 5);
    move(memory, B_WRITE);
    CHECK(ddi_dma_sim_read_medium(dip, 0, disk, sizeof (disk)) == 0);
    CHECK(memcmp(disk, memory, sizeof (disk)) == 0);
    sx_fill(disk[0], sizeof (disk), 6);
    CHECK(ddi_dma_sim_write_medium(dip, 0, disk, sizeof (disk)) == 0);
    move(memory, B_READ);
    CHECK(memcmp(memory, disk, sizeof (disk)) == 0);

    ddi_dma_sim_settle(dip);
    ddi_dma_statistics(dip, &statistics);
    CHECK(statistics.callbacks > 0);
    (void) printf("%d bufs each way\n", BUFS);
    ddi_remove_intr(dip, 0, NULL);
    ddi_regs_map_free(&sx_access);
#ifndef SUNOS_4_1
    xxdetach();
#endif
    ddi_dma_close(dip);
    return (0);
}
