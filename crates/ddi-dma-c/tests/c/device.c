/* Registers, interrupts and the device's side of simulated disks. The first argument says which test. */

#include <pthread.h>

#include "device.h"

/* Registers. */

static void test_registers(void)
{
    struct disk disk = disk_opened("sim:isa-sg-disk");
    caddr_t part;
    ddi_acc_handle_t access;
    off_t size;
    int count;

    CHECK(ddi_dev_nregs(disk.dip, &count) == DDI_SUCCESS && count == 1);
    CHECK(ddi_dev_nintrs(disk.dip, &count) == DDI_SUCCESS && count == 1);
    CHECK(ddi_dev_regsize(disk.dip, 0, &size) == DDI_SUCCESS && size == 0x20 + 17 * 8);
    CHECK((size_t)size == sizeof(struct ddi_dma_sim_disk));

    /* What was written is read, in both halves too. */
    ddi_put64(disk.access, &disk.regs->block, 0x1122334455667788u);
    CHECK(ddi_get64(disk.access, &disk.regs->block) == 0x1122334455667788u);
    CHECK(ddi_get32(disk.access, (uint32_t *)(void *)&disk.regs->block + 1) == 0x11223344u);
    ddi_put32(disk.access, &disk.regs->sglist[16].dma_size, 0x10000);
    CHECK(ddi_get32(disk.access, &disk.regs->sglist[16].dma_size) == 0);
    /* Nobody answers where there is no register, or in another width. */
    CHECK(ddi_get16(disk.access, &disk.regs->burst) == 0xFFFF);
    CHECK(ddi_get16(disk.access, (uint16_t *)(void *)&disk.regs->csr) == 0xFFFF);

    /* A part: big-endian accesses of little-endian registers turn bytes around. */
    ddi_device_acc_attr_t big_endian = little_endian;
    big_endian.devacc_attr_endian_flags = DDI_STRUCTURE_BE_ACC;
    CHECK(ddi_regs_map_setup(disk.dip, 0, &part, 8, 8, &big_endian, &access) == DDI_SUCCESS);
    CHECK(((uintptr_t)part & 0xFFF) == 8);
    CHECK(ddi_get64(access, (uint64_t *)(void *)part) == 0x8877665544332211u);
    ddi_put32(access, (uint32_t *)(void *)part, 0x01020304);
    CHECK(ddi_get64(disk.access, &disk.regs->block) == 0x1122334404030201u);
    ddi_regs_map_free(&access);
    CHECK(access == NULL);
    disk_closed(&disk);
}

static void test_register_errors(void)
{
    struct disk disk = disk_opened("sim:isa-disk");
    ddi_acc_handle_t access;
    caddr_t addr;
    off_t size;
    ddi_device_acc_attr_t bad = {7, 0, 0, 0};

    CHECK(ddi_regs_map_setup(disk.dip, 1, &addr, 0, 0, &little_endian, &access) == DDI_ME_RNUMBER_RANGE);
    CHECK_REFUSAL("ddi_regs_map_setup: sim:isa-disk: there is no register set 1: the device has 1 from 0 on");
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, 0x20, 9, &little_endian, &access) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_regs_map_setup: sim:isa-disk: 0x9 bytes at offset 0x20 are not inside register set 0, which has "
                  "0x28: give 0 and 0 for all of it");
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, 0x28, 0, &little_endian, &access) == DDI_FAILURE);
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, -8, 8, &little_endian, &access) == DDI_FAILURE);
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, 8, -8, &little_endian, &access) == DDI_FAILURE);
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, 0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF, &little_endian, &access) ==
        DDI_FAILURE);
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, 0, 0, NULL, &access) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_regs_map_setup: sim:isa-disk: the access attributes are NULL: give them");
    CHECK(ddi_regs_map_setup(disk.dip, 0, &addr, 0, 0, &bad, &access) == DDI_FAILURE);
    CHECK(ddi_dev_regsize(disk.dip, 1, &size) == DDI_FAILURE);
    disk_closed(&disk);
}

/* Interrupts. */

static struct disk the_disk;
static int calls;
static unsigned to_start;

/* Claims, lowers the line, and starts what is to be started. */
static uint_t claims(caddr_t arg)
{
    struct disk *disk = (struct disk *)(void *)arg;
    CHECK(disk == &the_disk);
    if (!(disk_csr(disk) & DDI_DMA_SIM_INTERRUPTING))
        return DDI_INTR_UNCLAIMED;
    calls++;
    ddi_put8(disk->access, &disk->regs->csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    if (to_start > 0) {
        to_start--;
        disk_start(disk, (unsigned)calls, MEMORY + 512u * (unsigned)calls, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    }
    return DDI_INTR_CLAIMED;
}

static void add(uint_t (*handler)(caddr_t))
{
    ddi_iblock_cookie_t before, iblock;
    ddi_idevice_cookie_t idevice;
    CHECK(ddi_get_iblock_cookie(the_disk.dip, 0, &before) == DDI_SUCCESS && before != NULL);
    CHECK(ddi_intr_hilevel(the_disk.dip, 0) == 0);
    CHECK(ddi_add_intr(the_disk.dip, 0, &iblock, &idevice, handler, (caddr_t)&the_disk) == DDI_SUCCESS);
    CHECK(iblock == before && idevice.idev_vector == 0);
}

/* Ten sectors, each started by the interrupt of the one before. */
static void test_interrupts(void)
{
    uint8_t bytes[5120], found[5120];
    ddi_iblock_cookie_t cookie;

    the_disk = disk_opened("sim:isa-disk");
    fill(bytes, sizeof bytes, 3);
    CHECK(ddi_dma_sim_write(the_disk.dip, MEMORY, bytes, sizeof bytes) == 0);
    add(claims);
    to_start = 9;
    disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 10);
    CHECK(ddi_dma_sim_read_medium(the_disk.dip, 0, found, sizeof found) == 0);
    CHECK(memcmp(found, bytes, sizeof bytes) == 0);

    /* A second handler is refused, as is a second interrupt. */
    CHECK(ddi_add_intr(the_disk.dip, 0, NULL, NULL, claims, NULL) == DDI_FAILURE);
    CHECK_REFUSAL("ddi_add_intr: sim:isa-disk: interrupt 0 has a handler already: remove it by ddi_remove_intr first");
    CHECK(ddi_add_intr(the_disk.dip, 1, NULL, NULL, claims, NULL) == DDI_INTR_NOTFOUND);
    CHECK(ddi_get_iblock_cookie(the_disk.dip, 1, &cookie) == DDI_FAILURE);

    /* Without a handler the line stays raised, until there is one. */
    ddi_remove_intr(the_disk.dip, 0, NULL);
    disk_start(&the_disk, 0, MEMORY + 512, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS | DDI_DMA_SIM_TO_MEMORY);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 10);
    CHECK(disk_csr(&the_disk) == (DDI_DMA_SIM_ENABLE_INTERRUPTS | DDI_DMA_SIM_TO_MEMORY | DDI_DMA_SIM_INTERRUPTING));
    add(claims);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 11);
    CHECK(ddi_dma_sim_read(the_disk.dip, MEMORY + 512, found, 512) == 0);
    CHECK(memcmp(found, bytes, 512) == 0);
    ddi_remove_intr(the_disk.dip, 0, NULL);
    disk_closed(&the_disk);
}

static void polled(struct disk *disk)
{
    while (disk_csr(disk) & DDI_DMA_SIM_BUSY)
        ;
}

/* Starts a transfer and polls for its end. */
static uint_t polls(caddr_t arg)
{
    struct disk *disk = (struct disk *)(void *)arg;
    ddi_put8(disk->access, &disk->regs->csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    disk_start(disk, 8, MEMORY, 512, 0);
    polled(disk);
    calls++;
    return DDI_INTR_CLAIMED;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static uint_t takes_mutex(caddr_t arg)
{
    struct disk *disk = (struct disk *)(void *)arg;
    ddi_put8(disk->access, &disk->regs->csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    pthread_mutex_lock(&mutex);
    calls++;
    pthread_mutex_unlock(&mutex);
    return DDI_INTR_CLAIMED;
}

/* The device goes on for whoever polls: without handlers, from a handler, and while a handler waits for the mutex. */
static void test_polling(void)
{
    uint8_t bytes[512], found[512];
    int turn;

    the_disk = disk_opened("sim:isa-disk");
    fill(bytes, sizeof bytes, 9);
    CHECK(ddi_dma_sim_write(the_disk.dip, MEMORY, bytes, sizeof bytes) == 0);
    disk_start(&the_disk, 4, MEMORY, 512, 0);
    polled(&the_disk);
    CHECK(ddi_dma_sim_read_medium(the_disk.dip, 4 * 512, found, 512) == 0);
    CHECK(memcmp(found, bytes, 512) == 0);

    add(polls);
    disk_start(&the_disk, 5, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 1);
    CHECK(ddi_dma_sim_read_medium(the_disk.dip, 8 * 512, found, 512) == 0);
    CHECK(memcmp(found, bytes, 512) == 0);
    ddi_remove_intr(the_disk.dip, 0, NULL);

    add(takes_mutex);
    for (turn = 0; turn < 50; turn++) {
        pthread_mutex_lock(&mutex);
        disk_start(&the_disk, 5, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
        polled(&the_disk);
        disk_start(&the_disk, 6, MEMORY, 512, 0);
        polled(&the_disk);
        pthread_mutex_unlock(&mutex);
        ddi_dma_sim_settle(the_disk.dip);
    }
    CHECK(calls == 1 + turn);
    ddi_remove_intr(the_disk.dip, 0, NULL);
    disk_closed(&the_disk);
}

static uint_t claims_nothing(caddr_t arg)
{
    (void)arg;
    calls++;
    return DDI_INTR_UNCLAIMED;
}

static uint_t does_nothing(caddr_t arg)
{
    (void)arg;
    calls++;
    return DDI_INTR_CLAIMED;
}

/* A line that nobody lowers is switched off. */
static void test_storm(void)
{
    the_disk = disk_opened("sim:isa-disk");
    add(claims_nothing);
    disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 100);
    CHECK(disk_csr(&the_disk) & DDI_DMA_SIM_INTERRUPTING);
    ddi_remove_intr(the_disk.dip, 0, NULL);
    /* Saying that it was the device's does not help it. */
    add(does_nothing);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 200);
    /* A handler that comes later has it. */
    ddi_remove_intr(the_disk.dip, 0, NULL);
    add(claims);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 201);
    disk_closed(&the_disk);
}

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { BEFORE, INSIDE, AFTER } where;

static uint_t takes_long(caddr_t arg)
{
    struct disk *disk = (struct disk *)(void *)arg;
    int turn;
    ddi_put8(disk->access, &disk->regs->csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    pthread_mutex_lock(&mutex);
    where = INSIDE;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
    for (turn = 0; turn < 3000; turn++)
        (void)disk_csr(disk);
    pthread_mutex_lock(&mutex);
    where = AFTER;
    pthread_mutex_unlock(&mutex);
    return DDI_INTR_CLAIMED;
}

static uint_t removes_itself(caddr_t arg)
{
    struct disk *disk = (struct disk *)(void *)arg;
    ddi_put8(disk->access, &disk->regs->csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    ddi_remove_intr(disk->dip, 0, NULL);
    calls++;
    return DDI_INTR_CLAIMED;
}

static void test_remove(void)
{
    the_disk = disk_opened("sim:isa-disk");
    add(takes_long);
    disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    pthread_mutex_lock(&mutex);
    while (where == BEFORE)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    ddi_remove_intr(the_disk.dip, 0, NULL);
    /* It has run to its end. */
    CHECK(where == AFTER);

    add(removes_itself);
    disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 1);
    disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(the_disk.dip);
    CHECK(calls == 1);
    disk_closed(&the_disk);
}

/* Closing a device ends its handler, whatever the line. */
static void test_close(void)
{
    int turn, look, seen;
    for (turn = 0; turn < 20; turn++) {
        the_disk = disk_opened("sim:isa-disk?memory=16M");
        add(claims);
        to_start = 1000000;
        calls = 0;
        disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
        ddi_dma_close(the_disk.dip);
        /* Its registers show the device as it stood, which does not run any more. */
        seen = calls;
        disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
        for (look = 0; look < 1000; look++)
            (void)disk_csr(&the_disk);
        CHECK(calls == seen);
        ddi_regs_map_free(&the_disk.access);
    }
}

/* The device's side. */

static void test_side(void)
{
    struct disk disk = disk_opened("sim:isa-disk");
    struct ddi_dma_sim_counters counters;
    uint8_t bytes[1024], found[1024];

    fill(bytes, sizeof bytes, 77);
    CHECK(ddi_dma_sim_write(disk.dip, MEMORY + 5, bytes, sizeof bytes) == 0);
    CHECK(ddi_dma_sim_read(disk.dip, MEMORY + 5, found, sizeof found) == 0);
    CHECK(memcmp(found, bytes, sizeof bytes) == 0);
    CHECK(ddi_dma_sim_counters(disk.dip, &counters) == 0);
    CHECK(counters.bytes_read == 1024 && counters.bytes_written == 1024 && counters.faults == 0);
    CHECK(ddi_dma_sim_read(disk.dip, MEMORY, NULL, 0) == 0);

    /* The engine has 24 address lines; between 640 KiB and 1 MiB is no memory. Nothing is read then. */
    memset(found, 0x5A, sizeof found);
    CHECK(ddi_dma_sim_read(disk.dip, 0xFFFF00, found, 0x101) == -1);
    CHECK_REFUSAL("ddi_dma_sim_read: sim:isa-disk: 257 bytes at 0xffff00 are not all in 0x0..=0xffffff, which the "
                  "engine of the device reaches");
    CHECK(ddi_dma_sim_read(disk.dip, UINT64_MAX, found, 2) == -1);
    CHECK(ddi_dma_sim_read(disk.dip, 0xA0000, found, 1) == -1);
    CHECK(strstr(ddi_dma_last_error(), "0xa0000") != NULL);
    CHECK(ddi_dma_sim_write(disk.dip, 0x1000000, bytes, 1) == -1);
    CHECK(found[0] == 0x5A && found[1023] == 0x5A);
    CHECK(ddi_dma_sim_counters(disk.dip, &counters) == 0 && counters.faults == 1);

    /* The medium. */
    CHECK(ddi_dma_sim_write_medium(disk.dip, 1000, bytes, sizeof bytes) == 0);
    CHECK(ddi_dma_sim_read_medium(disk.dip, 1000, found, sizeof found) == 0);
    CHECK(memcmp(found, bytes, sizeof bytes) == 0);
    CHECK(ddi_dma_sim_read_medium(disk.dip, (64 << 20) - 1, found, 2) == -1);
    CHECK_REFUSAL("ddi_dma_sim_read_medium: sim:isa-disk: 2 bytes at 0x3ffffff are not all on the disk of 0x4000000 "
                  "bytes");
    disk_closed(&disk);
}

static void test_mishaps(void)
{
    struct disk disk = disk_opened("sim:isa-disk");
    dev_info_t *network = opened("sim:sbus-ether");

    CHECK(ddi_dma_sim_inject(disk.dip, DDI_DMA_SIM_SHORT_TRANSFER, 100) == 0);
    disk_start(&disk, 0, MEMORY, 512, DDI_DMA_SIM_TO_MEMORY);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == DDI_DMA_SIM_TO_MEMORY);
    CHECK(ddi_get64(disk.access, &disk.regs->residue) == 412);

    CHECK(ddi_dma_sim_inject(disk.dip, DDI_DMA_SIM_MEDIUM_ERROR, 200) == 0);
    disk_start(&disk, 0, MEMORY, 512, DDI_DMA_SIM_TO_MEMORY);
    ddi_dma_sim_settle(disk.dip);
    CHECK(disk_csr(&disk) == (DDI_DMA_SIM_TO_MEMORY | DDI_DMA_SIM_ERROR));
    CHECK(ddi_get8(disk.access, &disk.regs->error) == 4);
    CHECK(ddi_get64(disk.access, &disk.regs->residue) == 312);

    CHECK(ddi_dma_sim_inject(disk.dip, DDI_DMA_SIM_LOST_INTERRUPT, 0) == 0);
    disk_start(&disk, 0, MEMORY, 512, DDI_DMA_SIM_TO_MEMORY | DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(disk.dip);
    CHECK(!(disk_csr(&disk) & DDI_DMA_SIM_INTERRUPTING));

    CHECK(ddi_dma_sim_inject(disk.dip, 4, 0) == -1);
    CHECK_REFUSAL("ddi_dma_sim_inject: sim:isa-disk: mishap 4 is unknown: DDI_DMA_SIM_SHORT_TRANSFER (1) to "
                  "DDI_DMA_SIM_LOST_INTERRUPT (3)");
    CHECK(ddi_dma_sim_inject(network, DDI_DMA_SIM_LOST_INTERRUPT, 0) == -1);
    CHECK(ddi_dma_sim_read_medium(network, 0, NULL, 0) == -1);
    CHECK_REFUSAL("ddi_dma_sim_read_medium: sim:sbus-ether: the device has no medium: a disk or the floppy has one");
    ddi_dma_close(network);
    disk_closed(&disk);
}

/* A network device: a frame out by one handle, and in by another. */

static struct ddi_dma_sim_ether *ether;
static ddi_acc_handle_t ether_access;
static unsigned done;

static uint_t ether_intr(caddr_t arg)
{
    (void)arg;
    done |= ddi_get16(ether_access, &ether->csr) & (DDI_DMA_SIM_TX_DONE | DDI_DMA_SIM_RX_DONE);
    ddi_put16(ether_access, &ether->csr, DDI_DMA_SIM_CLEAR_INTERRUPT);
    return DDI_INTR_CLAIMED;
}

static void test_ether(void)
{
    ddi_dma_attr_t attr = {DMA_ATTR_V0, 0xFF000000, 0xFFFFFFFF, 0xFFFFFFFF, 1, 7, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 1, 0};
    dev_info_t *dip = opened("sim:sbus-ether");
    uint8_t *out = malloc(1500), *in = malloc(2000);
    ddi_dma_handle_t tx, rx;
    ddi_dma_cookie_t cookie;
    uint_t count;
    caddr_t regs;
    off_t size;

    fill(out, 1500, 11);
    memset(in, 0x5A, 2000);
    CHECK(ddi_dev_regsize(dip, 0, &size) == DDI_SUCCESS && size == 0x20);
    CHECK((size_t)size == sizeof *ether);
    CHECK(ddi_regs_map_setup(dip, 0, &regs, 0, 0, &little_endian, &ether_access) == DDI_SUCCESS);
    ether = (void *)regs;
    CHECK(ddi_add_intr(dip, 0, NULL, NULL, ether_intr, NULL) == DDI_SUCCESS);
    CHECK(ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &tx) == DDI_SUCCESS);
    CHECK(ddi_dma_alloc_handle(dip, &attr, DDI_DMA_SLEEP, NULL, &rx) == DDI_SUCCESS);
    CHECK(ddi_dma_addr_bind_handle(rx, NULL, (caddr_t)in, 2000, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie, &count) ==
        DDI_DMA_MAPPED && count == 1);
    ddi_put32(ether_access, &ether->rx_address, cookie.dmac_address);
    ddi_put32(ether_access, &ether->rx_size, (uint32_t)cookie.dmac_size);
    CHECK(ddi_dma_addr_bind_handle(tx, NULL, (caddr_t)out, 1500, DDI_DMA_WRITE, DDI_DMA_SLEEP, NULL, &cookie, &count) ==
        DDI_DMA_MAPPED && count == 1);
    ddi_put32(ether_access, &ether->tx_address, cookie.dmac_address);
    ddi_put32(ether_access, &ether->tx_size, (uint32_t)cookie.dmac_size);
    ddi_put16(ether_access, &ether->csr, DDI_DMA_SIM_TX_START | DDI_DMA_SIM_RX_ENABLE | DDI_DMA_SIM_ENABLE_INTERRUPTS);
    ddi_dma_sim_settle(dip);
    CHECK(done == (DDI_DMA_SIM_TX_DONE | DDI_DMA_SIM_RX_DONE));
    CHECK(ddi_get8(ether_access, &ether->error) == 0);
    CHECK(ddi_get32(ether_access, &ether->rx_length) == 1500);
    CHECK(ddi_dma_unbind_handle(tx) == DDI_SUCCESS && ddi_dma_unbind_handle(rx) == DDI_SUCCESS);
    CHECK(memcmp(in, out, 1500) == 0 && in[1500] == 0x5A && in[1999] == 0x5A);

    /* What the handles stated is what the device's side reaches. */
    CHECK(ddi_dma_sim_read(dip, 0xFEFFFFFF, in, 1) == -1);
    CHECK_REFUSAL("ddi_dma_sim_read: sim:sbus-ether: 1 bytes at 0xfeffffff are not all in 0xff000000..=0xffffffff, which "
                  "the engine of the device reaches");
    ddi_dma_free_handle(&tx);
    ddi_dma_free_handle(&rx);
    ddi_regs_map_free(&ether_access);
    ddi_dma_close(dip);
    free(in);
    free(out);
}

/* Names. */

static void refused(const char *name, const char *reason)
{
    char error[512];
    CHECK(ddi_dma_open(name, error, sizeof error) == NULL);
    if (strcmp(error, reason) != 0) {
        fprintf(stderr, "%s: %s\nnot: %s\n", name == NULL ? "NULL" : name, error, reason);
        exit(1);
    }
    CHECK(strcmp(ddi_dma_last_error(), reason) == 0);
}

static void test_names(void)
{
    static const char *const names[] = {"sim:isa-disk", "sim:isa-sg-disk", "sim:pci-disk", "sim:latch-disk",
        "sim:pci64-disk", "sim:sbus-disk", "sim:isa-master", "sim:sbus-ether", "sim:floppy",
        "sim:pci-disk?seed=7&copy_buffer=4096", "sim:sbus-disk?page_size=4K&slot=2"};
    char cut[8];
    dev_info_t *dip;
    size_t at;

    for (at = 0; at < sizeof names / sizeof names[0]; at++)
        ddi_dma_close(opened(names[at]));
    refused(NULL, "the name is NULL: name a device, such as sim:isa-disk");
    refused("isa-disk", "\"isa-disk\" is no device: name one of a simulated machine, such as sim:isa-disk, or a PCI "
                        "device, such as vfio:0000:00:03.0");
    refused("sim:tape", "there is no device `tape`: there are isa-disk, isa-sg-disk, pci-disk, latch-disk, pci64-disk, "
                        "sbus-disk, isa-master, sbus-ether, floppy");
    CHECK(ddi_dma_open("sim:tape", cut, sizeof cut) == NULL && strcmp(cut, "there i") == 0);
    CHECK(ddi_dma_open("sim:isa-disk?iommu=on", NULL, 0) == NULL);
    CHECK(ddi_dma_open("vfio:nonsense", NULL, 0) == NULL);
    CHECK(strstr(ddi_dma_last_error(), "nonsense") != NULL);

    /* Where DMA is possible. */
    dip = opened("sim:sbus-disk?slave_only_slots=3&slot=3");
    CHECK(ddi_slaveonly(dip) == DDI_SUCCESS);
    CHECK(ddi_dma_sim_read(dip, 0xFF000000, cut, 1) == -1);
    CHECK(strstr(ddi_dma_last_error(), "the slot has no bus grant") != NULL);
    ddi_dma_close(dip);
    dip = opened("sim:sbus-disk?slave_only_slots=3");
    CHECK(ddi_slaveonly(dip) == DDI_FAILURE);
    ddi_dma_close(dip);
}

/* Mistakes, each of which ends the process. */

static uint_t settles(caddr_t arg)
{
    ddi_dma_sim_settle(((struct disk *)(void *)arg)->dip);
    return DDI_INTR_CLAIMED;
}

static void mistake(const char *which)
{
    ddi_acc_handle_t stale;
    the_disk = disk_opened("sim:isa-disk");
    stale = the_disk.access;
    if (strcmp(which, "direct") == 0) {
        printf("%d\n", ((volatile struct ddi_dma_sim_disk *)the_disk.regs)->csr);
    } else if (strcmp(which, "freed") == 0) {
        ddi_regs_map_free(&the_disk.access);
        (void)ddi_get8(stale, &the_disk.regs->csr);
    } else if (strcmp(which, "twice") == 0) {
        ddi_regs_map_free(&the_disk.access);
        ddi_regs_map_free(&stale);
    } else if (strcmp(which, "none") == 0) {
        ddi_remove_intr(the_disk.dip, 0, NULL);
    } else if (strcmp(which, "settle") == 0) {
        add(settles);
        disk_start(&the_disk, 0, MEMORY, 512, DDI_DMA_SIM_ENABLE_INTERRUPTS);
        ddi_dma_sim_settle(the_disk.dip);
    } else if (strcmp(which, "closed") == 0) {
        dev_info_t *dip = the_disk.dip;
        disk_closed(&the_disk);
        ddi_dma_sim_settle(dip);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {{"registers", test_registers}, {"register-errors", test_register_errors},
        {"interrupts", test_interrupts}, {"polling", test_polling}, {"storm", test_storm}, {"remove", test_remove},
        {"close", test_close}, {"side", test_side}, {"mishaps", test_mishaps}, {"ether", test_ether},
        {"names", test_names}};
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
