/*
 * Runs sunos41_driver.c in the place of its kernel: finds the device by struct mb_driver, calls the interrupt routine at
 * the device's level, hands bufs to the strategy routine, and compares what is in memory and on the disk.
 */

#include "sunos41.h"

#define BUFS            8
/* Two of them do not fit 64 KiB of DVMA space. */
#define BYTES           (40 * 1024)
#define INTPRI          5

ddi_acc_handle_t sx_access;

static ddi_device_acc_attr_t access_attr = {
    DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC, DDI_DEFAULT_ACC
};

static struct mb_device device;

/* The handler of the device: the driver's, at the device's level. */
static uint_t
handler(arg)
    caddr_t arg;
{
    struct mb_driver *driver = (struct mb_driver *)arg;
    int s = splr(pritospl(device.md_intpri));
    int found = (*driver->mdr_intr)();

    (void) splx(s);
    return (found ? DDI_INTR_CLAIMED : DDI_INTR_UNCLAIMED);
}

/* Finds the device, as the configuration program and the kernel did. */
static void
configure(dip)
    dev_info_t *dip;
{
    CHECK(ddi_regs_map_setup(dip, 0, &device.md_addr, 0, 0, &access_attr, &sx_access) == DDI_SUCCESS);
    device.md_driver = &sxdriver;
    device.md_hd = &mb_hd;
    device.md_intpri = INTPRI;
    if (sxdriver.mdr_flags & (MDR_BIODMA | MDR_DMA))
        adddma(device.md_intpri);
    CHECK(SPLMB == INTPRI);
    CHECK((*sxdriver.mdr_probe)(device.md_addr, device.md_unit) == sxdriver.mdr_size);
    (void) (*sxdriver.mdr_attach)(&device);
    CHECK(sxdriver.mdr_dinfo[0] == &device);
    CHECK(ddi_add_intr(dip, 0, NULL, NULL, handler, (caddr_t)&sxdriver) == DDI_SUCCESS);
}

/* Hands all bufs to the driver before the first is moved, and waits for each. */
static void
move(memory, way)
    char **memory;
    int way;
{
    struct buf *bp[BUFS];
    int i, s = splbio();

    for (i = 0; i < BUFS; i++) {
        bp[i] = sx_getbuf(memory[i], (size_t)BYTES, (daddr_t)(i * (BYTES / 512)), way);
        (void) sxstrategy(bp[i]);
    }
    (void) splx(s);
    for (i = 0; i < BUFS; i++) {
        CHECK(iowait(bp[i]) == 0);
        CHECK(bp[i]->b_resid == 0);
        freerbuf(bp[i]);
    }
}

int
main(argc, argv)
    int argc;
    char **argv;
{
    static char on_disk[BUFS * BYTES];
    char *memory[BUFS], *expected = malloc((size_t)BYTES);
    struct ddi_dma_statistics statistics;
    dev_info_t *dip;
    int i;

    CHECK(argc == 2 && expected != NULL);
    dip = sx_open(argv[1]);
    configure(dip);

    /* To the disk: half of the bufs in memory of the program's, half in that of the machine, none at a page's begin. */
    for (i = 0; i < BUFS; i++) {
        memory[i] = i % 2 ? malloc((size_t)BYTES + 64) : ddi_dma_sim_alloc(dip, (size_t)BYTES + 64);
        CHECK(memory[i] != NULL);
        sx_fill(memory[i] + 4 * i, (size_t)BYTES, (unsigned int)i);
        memory[i] += 4 * i;
    }
    move(memory, B_WRITE);
    CHECK(ddi_dma_sim_read_medium(dip, (uint64_t)0, on_disk, sizeof (on_disk)) == 0);
    for (i = 0; i < BUFS; i++) {
        sx_fill(expected, (size_t)BYTES, (unsigned int)i);
        CHECK(memcmp(&on_disk[i * BYTES], expected, (size_t)BYTES) == 0);
    }

    /* From it. */
    sx_fill(on_disk, sizeof (on_disk), 77u);
    CHECK(ddi_dma_sim_write_medium(dip, (uint64_t)0, on_disk, sizeof (on_disk)) == 0);
    move(memory, B_READ);
    for (i = 0; i < BUFS; i++)
        CHECK(memcmp(memory[i], &on_disk[i * BYTES], (size_t)BYTES) == 0);

    ddi_dma_sim_settle(dip);
    ddi_dma_statistics(dip, &statistics);
    CHECK(statistics.binds == 2 * BUFS);
    CHECK(statistics.callbacks == (uint64_t)sxcalls);
    (void) printf("%s: %d bufs each way, sxstart called %d times for space that came back\n", argv[1], BUFS, sxcalls);

    for (i = 0; i < BUFS; i++) {
        memory[i] -= 4 * i;
        if (i % 2)
            free(memory[i]);
        else
            ddi_dma_sim_free(dip, memory[i]);
    }
    free(expected);
    ddi_remove_intr(dip, 0, NULL);
    ddi_regs_map_free(&sx_access);
    ddi_dma_close(dip);
    return (0);
}
