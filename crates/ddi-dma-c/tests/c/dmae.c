/* The system's DMA engine. The first argument says which test. */

#include <pthread.h>

#include "device.h"

#include <sys/dma_engine.h>

static int same_attr(const ddi_dma_attr_t *attr, uint64_t reach, uint32_t unit)
{
    return attr->dma_attr_version == DMA_ATTR_V0 && attr->dma_attr_addr_lo == 0 && attr->dma_attr_addr_hi == 0xFFFFFF &&
        attr->dma_attr_count_max == reach && attr->dma_attr_align == unit && attr->dma_attr_minxfer == unit &&
        attr->dma_attr_maxxfer == 0xFFFFFFFF && attr->dma_attr_seg == reach && attr->dma_attr_sgllen == 1 &&
        attr->dma_attr_granular == unit && attr->dma_attr_flags == 0;
}

static void test_channels(void)
{
    dev_info_t *dip = opened("sim:floppy"), *pci = opened("sim:pci-disk");
    ddi_dma_attr_t attr;
    int count;

    /* A byte channel's attributes where there is none, then those of what there is. */
    CHECK(ddi_dmae_getattr(dip, &attr) == DDI_SUCCESS && same_attr(&attr, 0xFFFF, 1) && attr.dma_attr_burstsizes == 1);
    CHECK(ddi_dmae_alloc(dip, 5, DDI_DMA_DONTWAIT, NULL) == DDI_SUCCESS);
    CHECK(ddi_dmae_getattr(dip, &attr) == DDI_SUCCESS && same_attr(&attr, 0x1FFFF, 2) && attr.dma_attr_burstsizes == 2);
    CHECK(ddi_dmae_alloc(dip, 2, DDI_DMA_SLEEP, NULL) == DDI_SUCCESS);
    CHECK(ddi_dmae_getattr(dip, &attr) == DDI_SUCCESS && same_attr(&attr, 0xFFFF, 2) && attr.dma_attr_burstsizes == 3);

    CHECK(ddi_dmae_alloc(dip, 5, DDI_DMA_DONTWAIT, NULL) == DDI_DMA_NORESOURCES);
    CHECK(strstr(ddi_dma_last_error(), "ddi_dmae_alloc: sim:floppy: ") == ddi_dma_last_error());
    CHECK(ddi_dmae_release(dip, 5) == DDI_SUCCESS);
    CHECK(ddi_dmae_release(dip, 5) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_dmae_release: sim:floppy: the device does not have DMA channel 5: allocate it by ddi_dmae_alloc "
                  "first");
    CHECK(ddi_dmae_alloc(dip, 5, DDI_DMA_DONTWAIT, NULL) == DDI_SUCCESS);

    CHECK(ddi_dmae_alloc(dip, 4, DDI_DMA_DONTWAIT, NULL) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_dmae_alloc: sim:floppy: DMA channel 4 joins the two controllers: devices can have 0 to 3 (bytes) "
                  "and 5 to 7 (words)");
    CHECK(ddi_dmae_alloc(dip, 8, DDI_DMA_DONTWAIT, NULL) == DDI_FAILURE);
    CHECK(ddi_dmae_alloc(dip, -1, DDI_DMA_DONTWAIT, NULL) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_dmae_alloc: sim:floppy: there is no DMA channel -1: devices can have 0 to 3 (bytes) and 5 to 7 "
                  "(words)");
    CHECK(ddi_dmae_1stparty(dip, 6) == DDI_FAILURE && ddi_dmae_stop(dip, 0) == DDI_FAILURE);
    CHECK(ddi_dmae_enable(dip, 1) == DDI_FAILURE && ddi_dmae_disable(dip, 300) == DDI_FAILURE);
    CHECK(ddi_dmae_getcnt(dip, 7, &count) == DDI_FAILURE && ddi_dmae_prog(dip, NULL, NULL, 3) == DDI_FAILURE);

    CHECK(ddi_dmae_alloc(pci, 2, DDI_DMA_DONTWAIT, NULL) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_dmae_alloc: sim:pci-disk: the device is not on an ISA bus, where the system's DMA engine is");
    CHECK(ddi_dmae_getattr(pci, &attr) == DDI_FAILURE);
    ddi_dma_close(pci);
    ddi_dma_close(dip);
}

static ddi_dma_cookie_t *never(void)
{
    abort();
}

static void refused(dev_info_t *dip, struct ddi_dmae_req *request, uint64_t address, size_t size, int channel,
    const char *reason)
{
    ddi_dma_cookie_t cookie;
    char whole[400];
    memset(&cookie, 0, sizeof cookie);
    cookie.dmac_laddress = address;
    cookie.dmac_size = size;
    CHECK(ddi_dmae_prog(dip, request, size == 0 ? NULL : &cookie, channel) == DDI_FAILURE);
    snprintf(whole, sizeof whole, "ddi_dmae_prog: sim:floppy: %s", reason);
    if (strcmp(ddi_dma_last_error(), whole) != 0) {
        fprintf(stderr, "%s\nnot: %s\n", ddi_dma_last_error(), whole);
        exit(1);
    }
}

static int programmed(dev_info_t *dip, struct ddi_dmae_req *request, uint64_t address, size_t size, int channel)
{
    ddi_dma_cookie_t cookie;
    memset(&cookie, 0, sizeof cookie);
    cookie.dmac_laddress = address;
    cookie.dmac_size = size;
    return ddi_dmae_prog(dip, request, &cookie, channel);
}

static int remaining(dev_info_t *dip, int channel)
{
    int count = -1;
    CHECK(ddi_dmae_getcnt(dip, channel, &count) == DDI_SUCCESS);
    return count;
}

static void test_programs(void)
{
    dev_info_t *dip = opened("sim:floppy");
    struct ddi_dmae_req request, bad;
    int count;

    memset(&request, 0, sizeof request);
    request.der_command = DMAE_CMD_READ;
    CHECK(ddi_dmae_alloc(dip, 2, DDI_DMA_DONTWAIT, NULL) == DDI_SUCCESS);
    CHECK(ddi_dmae_alloc(dip, 5, DDI_DMA_DONTWAIT, NULL) == DDI_SUCCESS);

    /* Nothing was programmed yet. */
    CHECK(ddi_dmae_getcnt(dip, 2, &count) == DDI_FAILURE);
    CHECK(ddi_dmae_enable(dip, 2) == DDI_FAILURE);
    refused(dip, NULL, 0x10000, 0x100, 2, "channel 2 has nothing to do: program it first");

    /* What nobody has touched has moved nothing, be it all that the counter counts. */
    CHECK(programmed(dip, &request, 0x10000, 0x10000, 2) == DDI_SUCCESS && remaining(dip, 2) == 0x10000);
    CHECK(programmed(dip, &request, 0x20000, 0x20000, 5) == DDI_SUCCESS && remaining(dip, 5) == 0x20000);
    /* Without a request the same channel gets another address and count. */
    CHECK(programmed(dip, NULL, 0x40000, 0x300, 5) == DDI_SUCCESS);
    CHECK(remaining(dip, 5) == 0x300 && remaining(dip, 2) == 0x10000);
    CHECK(ddi_dmae_disable(dip, 5) == DDI_SUCCESS && ddi_dmae_enable(dip, 5) == DDI_SUCCESS);
    CHECK(ddi_dmae_stop(dip, 5) == DDI_SUCCESS && remaining(dip, 5) == 0x300);
    CHECK(ddi_dmae_enable(dip, 5) == DDI_FAILURE);

    /* What an ISA engine does not do, and what is no value; what was programmed goes on. */
    bad = request, bad.der_command = DMAE_CMD_TRAN;
    refused(dip, &bad, 0x10000, 0x100, 2,
        "command Translate: an ISA machine wires no channels for memory to memory; use FromDevice, ToDevice or Verify");
    bad = request, bad.der_command = 9;
    refused(dip, &bad, 0x10000, 0x100, 2, "der_command 9 is unknown: it is 0 to 3");
    bad = request, bad.der_step = DMAE_STEP_HOLD;
    refused(dip, &bad, 0x10000, 0x100, 2,
        "step Hold: an ISA engine counts its address up or down; use Increment or Decrement");
    bad = request, bad.der_path = DMAE_PATH_16;
    refused(dip, &bad, 0x10000, 0x100, 2, "path Bits16: channel 2 is wired for cycles of 8 bits; use Default");
    bad = request, bad.der_trans = 4;
    refused(dip, &bad, 0x10000, 0x100, 2, "der_trans 4 is unknown: it is 0 to 3");
    bad = request, bad.der_bufprocess = DMAE_BUF_CHAIN, bad.proc = never;
    refused(dip, &bad, 0x10000, 0x100, 2,
        "proc of a chain: an ISA engine does not interrupt at the end of a cookie, so nobody would call it; leave it NULL "
        "and program the next cookie by ddi_dmae_prog without a request");
    refused(dip, &request, 0, 0, 2, "the cookie is NULL: give the address and size to program");
    refused(dip, &request, 0x1FFFF, 2, 2,
        "address 0x1ffff of the cookie with its 0x2 bytes: it crosses a multiple of 0x10000, where the counter of channel 2 "
        "starts again; bind with the attributes of the channel");
    refused(dip, &request, 0x10001, 2, 5,
        "address 0x10001 of the cookie: channel 5 moves units of 2 bytes at multiples of it; bind with the attributes of the "
        "channel");
    CHECK(remaining(dip, 2) == 0x10000);

    /* The next cookie of a chain comes at the end of the one before. */
    bad = request, bad.der_bufprocess = DMAE_BUF_CHAIN;
    CHECK(programmed(dip, &bad, 0x10000, 0x100, 2) == DDI_SUCCESS);
    refused(dip, NULL, 0x20000, 0x100, 2,
        "channel 2 is 0x100 bytes short of terminal count: the next cookie of a chain comes then");
    /* A device that drives the bus itself needs no cookie. */
    memset(&bad, 0, sizeof bad);
    bad.der_trans = DMAE_TRANS_CSCD;
    refused(dip, &bad, 0, 0, 2, "command has no effect with trans Cascade, where the device drives the bus itself: leave the default");
    ddi_dma_close(dip);
}

static dev_info_t *the_dip;
static int calls;

static int allocates(caddr_t arg)
{
    CHECK(arg == (caddr_t)&calls);
    calls++;
    if (ddi_dmae_alloc(the_dip, 3, allocates, arg) != DDI_SUCCESS)
        return DDI_DMA_CALLBACK_RUNOUT;
    return DDI_DMA_CALLBACK_DONE;
}

static void *sleeps(void *unused)
{
    CHECK(ddi_dmae_alloc(the_dip, 1, DDI_DMA_SLEEP, NULL) == DDI_SUCCESS);
    return unused;
}

static void test_waiting(void)
{
    pthread_t thread;

    the_dip = opened("sim:floppy");
    CHECK(ddi_dmae_alloc(the_dip, 3, allocates, (caddr_t)&calls) == DDI_SUCCESS);
    CHECK(ddi_dmae_alloc(the_dip, 3, allocates, (caddr_t)&calls) == DDI_DMA_NORESOURCES);
    CHECK(ddi_dmae_alloc(the_dip, 3, allocates, (caddr_t)&calls) == DDI_DMA_NORESOURCES);
    ddi_dma_sim_settle(the_dip);
    CHECK(calls == 0);
    CHECK(ddi_dmae_release(the_dip, 3) == DDI_SUCCESS);
    ddi_dma_sim_settle(the_dip);
    CHECK(calls == 1);
    CHECK(ddi_dmae_release(the_dip, 3) == DDI_SUCCESS);
    ddi_dma_sim_settle(the_dip);
    CHECK(calls == 1);

    CHECK(ddi_dmae_alloc(the_dip, 1, DDI_DMA_SLEEP, NULL) == DDI_SUCCESS);
    CHECK(pthread_create(&thread, NULL, sleeps, NULL) == 0);
    CHECK(ddi_dmae_release(the_dip, 1) == DDI_SUCCESS);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(ddi_dmae_alloc(the_dip, 1, DDI_DMA_DONTWAIT, NULL) == DDI_DMA_NORESOURCES);
    ddi_dma_close(the_dip);
}

/* A bus master that gets the bus by channel 5. */
static void test_first_party(void)
{
    struct disk disk = disk_opened("sim:isa-master");
    uint8_t bytes[1024], found[1024];

    fill(bytes, sizeof bytes, 40);
    CHECK(ddi_dma_sim_write(disk.dip, MEMORY, bytes, sizeof bytes) == 0);
    ddi_put16(disk.access, &disk.regs->entries, 1);
    disk_start(&disk, 0, MEMORY, 512, 0);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == DDI_DMA_SIM_BUSY);

    CHECK(ddi_dmae_alloc(disk.dip, 5, DDI_DMA_DONTWAIT, NULL) == DDI_SUCCESS);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == DDI_DMA_SIM_BUSY);
    CHECK(ddi_dmae_1stparty(disk.dip, 5) == DDI_SUCCESS);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == 0);

    CHECK(ddi_dmae_disable(disk.dip, 5) == DDI_SUCCESS);
    disk_start(&disk, 1, MEMORY + 512, 512, 0);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == DDI_DMA_SIM_BUSY);
    CHECK(ddi_dmae_enable(disk.dip, 5) == DDI_SUCCESS);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == 0);
    CHECK(ddi_dma_sim_read_medium(disk.dip, 0, found, sizeof found) == 0);
    CHECK(memcmp(found, bytes, sizeof bytes) == 0);

    /* Without the channel it waits again, and a reset ends that. */
    CHECK(ddi_dmae_release(disk.dip, 5) == DDI_SUCCESS);
    disk_start(&disk, 1, MEMORY, 512, 0);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == DDI_DMA_SIM_BUSY);
    ddi_put8(disk.access, &disk.regs->csr, DDI_DMA_SIM_RESET);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == 0);
    disk_closed(&disk);
}

static uint_t sleeps_in_handler(caddr_t arg)
{
    (void)ddi_dmae_alloc(((struct disk *)(void *)arg)->dip, 1, DDI_DMA_SLEEP, NULL);
    return DDI_INTR_CLAIMED;
}

static void mistake(const char *which)
{
    struct disk disk = disk_opened("sim:isa-disk");
    if (strcmp(which, "count") == 0) {
        (void)ddi_dmae_getcnt(disk.dip, 0, NULL);
    } else if (strcmp(which, "attr") == 0) {
        (void)ddi_dmae_getattr(disk.dip, NULL);
    } else if (strcmp(which, "sleep") == 0) {
        CHECK(ddi_add_intr(disk.dip, 0, NULL, NULL, sleeps_in_handler, (caddr_t)&disk) == DDI_SUCCESS);
        disk_start(&disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
        ddi_dma_sim_settle(disk.dip);
    } else if (strcmp(which, "closed") == 0) {
        dev_info_t *dip = disk.dip;
        disk_closed(&disk);
        (void)ddi_dmae_release(dip, 0);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {{"channels", test_channels}, {"programs", test_programs}, {"waiting", test_waiting},
        {"first-party", test_first_party}};
    size_t at;

    if (argc > 2 && strcmp(argv[1], "mistake") == 0) {
        mistake(argv[2]);
        return 1;
    }
    for (at = 0; argc > 1 && at < sizeof tests / sizeof tests[0]; at++) {
        if (strcmp(argv[1], tests[at].name) == 0) {
            tests[at].run();
            return 0;
        }
    }
    return 2;
}
