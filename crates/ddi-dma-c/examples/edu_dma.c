/*
 * A driver for QEMU's educational device, over VFIO: a PCI device of this machine instead of a simulated one.
 *
 *     edu_dma vfio:0000:00:04.0
 *
 * The device copies between memory and a buffer of its own of 4 KiB. It has 28 address lines and takes one address and one
 * count at a time.
 */

#include "xx.h"

/* Register set 0 is configuration space, and 1 what is behind the first base address register. */
#define EDU_CONFIG              0
#define EDU_REGISTERS           1

#define PCI_CONF_VENID          0x00
#define PCI_CONF_DEVID          0x02

#define EDU_INTR_STATUS         0x24
#define EDU_INTR_ACK            0x64
#define EDU_DMA_SOURCE          0x80
#define EDU_DMA_DESTINATION     0x88
#define EDU_DMA_COUNT           0x90
#define EDU_DMA_COMMAND         0x98

#define DMA_RUN                 0x1
#define DMA_TO_MEMORY           0x2
#define DMA_INTERRUPT           0x4

#define EDU_BUFFER              0x40000

/* QEMU does not let a transfer touch the last byte of the buffer. */
#define EDU_MOST                2048

static ddi_dma_attr_t edu_attr = {
    DMA_ATTR_V0,        /* dma_attr_version */
    0,                  /* dma_attr_addr_lo */
    0x0FFFFFFF,         /* dma_attr_addr_hi */
    EDU_MOST - 1,       /* dma_attr_count_max */
    1,                  /* dma_attr_align */
    0x7F,               /* dma_attr_burstsizes */
    1,                  /* dma_attr_minxfer */
    EDU_MOST,           /* dma_attr_maxxfer */
    0xFFFFFFFF,         /* dma_attr_seg */
    1,                  /* dma_attr_sgllen */
    1,                  /* dma_attr_granular */
    0                   /* dma_attr_flags */
};

struct edu {
    dev_info_t *dip;
    ddi_iblock_cookie_t iblock;
    kmutex_t mu;
    kcondvar_t cv;
    ddi_acc_handle_t access;
    caddr_t regs;
    int busy;
    unsigned interrupts;
};

static uint_t
edu_intr(caddr_t arg)
{
    struct edu *ep = (struct edu *)(void *)arg;
    uint32_t status;

    mutex_enter(&ep->mu);
    status = ddi_get32(ep->access, (uint32_t *)(void *)(ep->regs + EDU_INTR_STATUS));
    if (status == 0) {
        mutex_exit(&ep->mu);
        return (DDI_INTR_UNCLAIMED);
    }
    ddi_put32(ep->access, (uint32_t *)(void *)(ep->regs + EDU_INTR_ACK), status);
    ep->busy = 0;
    ep->interrupts++;
    cv_signal(&ep->cv);
    mutex_exit(&ep->mu);
    return (DDI_INTR_CLAIMED);
}

static void
edu_put(struct edu *ep, int reg, uint64_t value)
{
    ddi_put64(ep->access, (uint64_t *)(void *)(ep->regs + reg), value);
}

/* Moves a cookie into the device's buffer, or out of it, and waits for the interrupt. */
static void
edu_move(struct edu *ep, const ddi_dma_cookie_t *cookie, int reads)
{
    mutex_enter(&ep->mu);
    ep->busy = 1;
    edu_put(ep, EDU_DMA_SOURCE, reads ? EDU_BUFFER : cookie->dmac_laddress);
    edu_put(ep, EDU_DMA_DESTINATION, reads ? cookie->dmac_laddress : EDU_BUFFER);
    edu_put(ep, EDU_DMA_COUNT, cookie->dmac_size);
    edu_put(ep, EDU_DMA_COMMAND, DMA_RUN | DMA_INTERRUPT | (reads ? DMA_TO_MEMORY : 0));
    while (ep->busy)
        cv_wait(&ep->cv, &ep->mu);
    mutex_exit(&ep->mu);
}

/* Copies memory by the device, a window at a time; tells how many windows that took. */
static uint_t
edu_copy(struct edu *ep, caddr_t to, caddr_t from, size_t length)
{
    ddi_dma_handle_t out, in;
    ddi_dma_cookie_t cookie;
    uint_t count, window, windows = 1;
    off_t off = 0;
    size_t len = length;
    int bound;

    XX_CHECK(ddi_dma_alloc_handle(ep->dip, &edu_attr, DDI_DMA_SLEEP, NULL, &out) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_alloc_handle(ep->dip, &edu_attr, DDI_DMA_SLEEP, NULL, &in) == DDI_SUCCESS);
    bound = ddi_dma_addr_bind_handle(out, NULL, from, length, DDI_DMA_WRITE | DDI_DMA_PARTIAL, DDI_DMA_SLEEP, NULL,
        &cookie, &count);
    XX_CHECK(bound == DDI_DMA_MAPPED || bound == DDI_DMA_PARTIAL_MAP);
    if (bound == DDI_DMA_PARTIAL_MAP)
        XX_CHECK(ddi_dma_numwin(out, &windows) == DDI_SUCCESS);
    for (window = 0; window < windows; window++) {
        if (bound == DDI_DMA_PARTIAL_MAP)
            XX_CHECK(ddi_dma_getwin(out, window, &off, &len, &cookie, &count) == DDI_SUCCESS);
        XX_CHECK(count == 1 && cookie.dmac_size == len);
        edu_move(ep, &cookie, 0);
        XX_CHECK(ddi_dma_addr_bind_handle(in, NULL, to + off, len, DDI_DMA_READ, DDI_DMA_SLEEP, NULL, &cookie,
            &count) == DDI_DMA_MAPPED);
        XX_CHECK(count == 1);
        edu_move(ep, &cookie, 1);
        XX_CHECK(ddi_dma_unbind_handle(in) == DDI_SUCCESS);
    }
    XX_CHECK(ddi_dma_unbind_handle(out) == DDI_SUCCESS);
    ddi_dma_free_handle(&in);
    ddi_dma_free_handle(&out);
    return (windows);
}

/* Copies private memory by the device, in place: the way of small drivers. */
static void
edu_private(struct edu *ep)
{
    ddi_device_acc_attr_t acc_attr = xx_acc_attr;
    ddi_dma_handle_t handle;
    ddi_acc_handle_t access;
    ddi_dma_cookie_t cookie;
    caddr_t addr;
    size_t real;
    uint_t count;

    XX_CHECK(ddi_dma_alloc_handle(ep->dip, &edu_attr, DDI_DMA_SLEEP, NULL, &handle) == DDI_SUCCESS);
    XX_CHECK(ddi_dma_mem_alloc(handle, 2 * 512, &acc_attr, DDI_DMA_CONSISTENT, DDI_DMA_SLEEP, NULL, &addr, &real,
        &access) == DDI_SUCCESS);
    xx_fill(addr, 512, 3);
    bzero(addr + 512, 512);
    XX_CHECK(ddi_dma_addr_bind_handle(handle, NULL, addr, 2 * 512, DDI_DMA_RDWR | DDI_DMA_CONSISTENT, DDI_DMA_SLEEP,
        NULL, &cookie, &count) == DDI_DMA_MAPPED);
    XX_CHECK(count == 1);
    cookie.dmac_size = 512;
    XX_CHECK(ddi_dma_sync(handle, 0, 512, DDI_DMA_SYNC_FORDEV) == DDI_SUCCESS);
    edu_move(ep, &cookie, 0);
    cookie.dmac_laddress += 512;
    edu_move(ep, &cookie, 1);
    XX_CHECK(ddi_dma_sync(handle, 512, 512, DDI_DMA_SYNC_FORKERNEL) == DDI_SUCCESS);
    XX_CHECK(xx_filled(addr + 512, 512, 3));
    XX_CHECK(ddi_dma_unbind_handle(handle) == DDI_SUCCESS);
    ddi_dma_mem_free(&access);
    ddi_dma_free_handle(&handle);
}

static void
edu_attach(struct edu *ep)
{
    ddi_acc_handle_t config;
    caddr_t addr;

    XX_CHECK(ddi_regs_map_setup(ep->dip, EDU_CONFIG, &addr, 0, 0, &xx_acc_attr, &config) == DDI_SUCCESS);
    XX_CHECK(ddi_get16(config, (uint16_t *)(void *)(addr + PCI_CONF_VENID)) == 0x1234);
    XX_CHECK(ddi_get16(config, (uint16_t *)(void *)(addr + PCI_CONF_DEVID)) == 0x11E8);
    ddi_regs_map_free(&config);
    XX_CHECK(ddi_get_iblock_cookie(ep->dip, 0, &ep->iblock) == DDI_SUCCESS);
    mutex_init(&ep->mu, NULL, MUTEX_DRIVER, ep->iblock);
    cv_init(&ep->cv, NULL, CV_DRIVER, NULL);
    XX_CHECK(ddi_regs_map_setup(ep->dip, EDU_REGISTERS, &ep->regs, 0, 0, &xx_acc_attr, &ep->access) == DDI_SUCCESS);
    XX_CHECK(ddi_add_intr(ep->dip, 0, NULL, NULL, edu_intr, (caddr_t)ep) == DDI_SUCCESS);
}

static void
edu_detach(struct edu *ep)
{
    ddi_remove_intr(ep->dip, 0, ep->iblock);
    ddi_regs_map_free(&ep->access);
    cv_destroy(&ep->cv);
    mutex_destroy(&ep->mu);
}

#define LENGTH                  20000

int
main(int argc, char **argv)
{
    static struct edu edu;
    static char to[LENGTH];
    char *from;
    uint_t windows;

    if (argc != 2) {
        (void) fprintf(stderr, "usage: edu_dma vfio:ADDRESS\n");
        return (2);
    }
    edu.dip = xx_open(argv[1]);
    edu_attach(&edu);
    /* What kmem_alloc gives, and a static, at an odd address. */
    from = kmem_alloc(LENGTH, KM_SLEEP);
    xx_fill(from, LENGTH, 1);
    windows = edu_copy(&edu, to + 1, from, LENGTH - 1);
    XX_CHECK(xx_filled(to + 1, LENGTH - 1, 1) && to[0] == 0);
    edu_private(&edu);
    edu_detach(&edu);
    ddi_dma_close(edu.dip);
    kmem_free(from, LENGTH);
    (void) printf("edu_dma: %d bytes copied in %u windows, %u interrupts\n", LENGTH - 1, windows, edu.interrupts);
    return (0);
}
