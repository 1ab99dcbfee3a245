/*
 * A small block driver for disks with a DMA engine: with a scatter/gather list or without, on any bus.
 *
 * strategy(9E) queues bufs. Up to XX_COMMANDS of them are bound at a time, each by a handle of its own, and the engine
 * works on the first of these: one window after another, and in each window so many cookies at a time as the engine has
 * entries. Where resources are short, the callback xxresume goes on when there may be some.
 */

#include <sys/types.h>
#include <sys/conf.h>
#include <sys/buf.h>
#include <sys/uio.h>
#include <sys/open.h>
#include <sys/cred.h>
#include <sys/modctl.h>
#include <sys/kmem.h>
#include <sys/ksynch.h>
#include <sys/cmn_err.h>
#include <sys/debug.h>
#include <sys/sysmacros.h>
#include <sys/ddi.h>
#include <sys/sunddi.h>

#include "xxdisk.h"

/* Bufs that are bound at a time. */
#define XX_COMMANDS     3

/* A buf that is bound. */
struct xxcmd {
    ddi_dma_handle_t handle;
    struct buf *bp;                     /* NULL: the command is free */
    struct xxcmd *next;         /* the engine works on it after this one */
    ddi_dma_cookie_t cookie;    /* the next one for the engine */
    uint_t cookies;                     /* of the window that are left, with that one */
    uint_t window;
    uint_t windows;
    size_t moved;                       /* bytes that the engine has moved */
    size_t loaded;                      /* bytes that it was told to move */
};

struct xxstate {
    dev_info_t *dip;
    ddi_iblock_cookie_t iblock;
    struct device_reg *regp;
    ddi_acc_handle_t access_hdl;
    uint_t entries;                     /* of the scatter/gather list */
    uint_t bind_flags;

    kmutex_t mu;                        /* protects what is below */
    kcondvar_t cv;                      /* nothing is bound or waits any more */
    struct buf *head, *tail;    /* bufs that are not bound yet */
    struct xxcmd commands[XX_COMMANDS];
    struct xxcmd *first, *last; /* those that are bound; the engine works on the first */
    struct buf *done;           /* bufs that are over, for xxexit */
    int callback_count;         /* xxresume is going to be called */
    int detaching;
    struct xxcounts counts;
};

static void *xx_state;

ddi_dma_attr_t xx_dma_attr;

/* Notes that a buf is over. */
static void
xxdone(struct xxstate *xsp, struct buf *bp, int error, size_t moved)
{
    bp->b_resid = bp->b_bcount - moved;
    if (error != 0) {
        bioerror(bp, error);
        xsp->counts.failed++;
    }
    xsp->counts.transfers++;
    bp->av_forw = xsp->done;
    xsp->done = bp;
}

/* Leaves the mutex, and ends bufs: biodone(9F) may call somebody who comes back with the next. */
static void
xxexit(struct xxstate *xsp)
{
    struct buf *bp, *done = xsp->done;

    xsp->done = NULL;
    if (xsp->first == NULL && xsp->callback_count == 0)
        cv_broadcast(&xsp->cv);
    mutex_exit(&xsp->mu);
    while ((bp = done) != NULL) {
        done = bp->av_forw;
        bp->av_forw = NULL;
        biodone(bp);
    }
}

/* Tells the engine of the next cookies of a window, and starts it. */
static void
xxload(struct xxstate *xsp, struct xxcmd *cmd)
{
    struct device_reg *regp = xsp->regp;
    struct sglentry *sglp = regp->sglist;
    uint64_t block = (uint64_t)cmd->bp->b_lblkno + cmd->moved / XX_BLOCK;
    uint8_t way = (cmd->bp->b_flags & B_READ) ? TO_MEMORY : 0;
    uint_t filled;

    ASSERT(mutex_owned(&xsp->mu));
    VERIFY3U(cmd->moved % XX_BLOCK, ==, 0);
    for (filled = 0; filled < xsp->entries && cmd->cookies > 0; filled++, sglp++) {
        ddi_put32(xsp->access_hdl, &sglp->dma_addr, cmd->cookie.dmac_address);
        ddi_put32(xsp->access_hdl, &sglp->dma_size, (uint32_t)cmd->cookie.dmac_size);
        cmd->loaded += cmd->cookie.dmac_size;
        if (--cmd->cookies > 0)
            ddi_dma_nextcookie(cmd->handle, &cmd->cookie);
    }
    ddi_put64(xsp->access_hdl, &regp->block, block);
    ddi_put16(xsp->access_hdl, &regp->entries, (uint16_t)filled);
    ddi_put8(xsp->access_hdl, &regp->csr, ENABLE_INTERRUPTS | START_TRANSFER | way);
    xsp->counts.requests++;
}

static struct xxcmd *
xxfree(struct xxstate *xsp)
{
    int i;

    for (i = 0; i < XX_COMMANDS; i++) {
        if (xsp->commands[i].bp == NULL)
            return (&xsp->commands[i]);
    }
    return (NULL);
}

/* Binds one buf to a command. */
static int
xxbind(struct xxstate *xsp, struct xxcmd *cmd, struct buf *bp, int (*waitfp)(caddr_t))
{
    uint_t flags = xsp->bind_flags | ((bp->b_flags & B_READ) ? DDI_DMA_READ : DDI_DMA_WRITE);
    int error;

    cmd->windows = 1;
    cmd->window = 0;
    cmd->moved = cmd->loaded = 0;
    error = ddi_dma_buf_bind_handle(cmd->handle, bp, flags, waitfp, (caddr_t)xsp, &cmd->cookie,
        &cmd->cookies);
    switch (error) {
    case DDI_DMA_MAPPED:
        return (DDI_SUCCESS);
    case DDI_DMA_PARTIAL_MAP:
        VERIFY0(ddi_dma_numwin(cmd->handle, &cmd->windows));
        return (DDI_SUCCESS);
    case DDI_DMA_NORESOURCES:
        xsp->counts.waits++;
        return (error);
    default:
        dev_err(xsp->dip, CE_WARN, "block %ld cannot be bound: %d, %s", (long)bp->b_lblkno, error,
            ddi_dma_last_error());
        return (error);
    }
}

/* Binds bufs in order, as long as there are commands and resources. Returns DDI_DMA_NORESOURCES where those lack. */
static int
xxfill_commands(struct xxstate *xsp, int (*waitfp)(caddr_t))
{
    struct xxcmd *cmd;
    struct buf *bp;

    while ((bp = xsp->head) != NULL && (cmd = xxfree(xsp)) != NULL) {
        int error = xsp->detaching ? ENXIO : xxbind(xsp, cmd, bp, waitfp);

        if (error == DDI_DMA_NORESOURCES)
            return (error);
        xsp->head = bp->av_forw;
        if (error != DDI_SUCCESS) {
            xxdone(xsp, bp, xsp->detaching ? ENXIO : EIO, 0);
            continue;
        }
        cmd->bp = bp;
        cmd->next = NULL;
        if (xsp->first != NULL) {
            xsp->last = xsp->last->next = cmd;
            continue;
        }
        xsp->first = xsp->last = cmd;
        xxload(xsp, cmd);
    }
    return (DDI_SUCCESS);
}

/*
 * The resource callback. It binds without naming a callback: while it answers RUNOUT it is called again.
 */
static int
xxresume(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)(void *)arg;
    int answer = DDI_DMA_CALLBACK_RUNOUT;

    mutex_enter(&xsp->mu);
    if (xxfill_commands(xsp, DDI_DMA_DONTWAIT) == DDI_SUCCESS) {
        xsp->callback_count = 0;
        answer = DDI_DMA_CALLBACK_DONE;
    }
    xxexit(xsp);
    return (answer);
}

/*
 * Binds what is queued, unless the callback is going to.
 *
 * The mutex is held: where the callback comes at once, it waits until it was counted.
 */
static void
xxstart(struct xxstate *xsp)
{
    if (xsp->callback_count == 0 && xxfill_commands(xsp, xxresume) == DDI_DMA_NORESOURCES)
        xsp->callback_count = 1;
}

static int
xxstrategy(struct buf *bp)
{
    struct xxstate *xsp = ddi_get_soft_state(xx_state, (int)getminor(bp->b_edev));

    if (xsp == NULL || bp->b_bcount == 0) {
        bp->b_resid = bp->b_bcount;
        bioerror(bp, xsp == NULL ? ENXIO : 0);
        biodone(bp);
        return (0);
    }
    mutex_enter(&xsp->mu);
    bp->av_forw = NULL;
    if (xsp->head == NULL)
        xsp->head = bp;
    else
        xsp->tail->av_forw = bp;
    xsp->tail = bp;
    xxstart(xsp);
    xxexit(xsp);
    return (0);
}

/* Goes on with the first command. Returns DDI_FAILURE where nothing of it is left. */
static int
xxadvance(struct xxstate *xsp, struct xxcmd *cmd)
{
    off_t offset;
    size_t length;

    if (cmd->cookies == 0) {
        if (++cmd->window == cmd->windows)
            return (DDI_FAILURE);
        VERIFY0(ddi_dma_getwin(cmd->handle, cmd->window, &offset, &length, &cmd->cookie, &cmd->cookies));
        VERIFY3U((size_t)offset, ==, cmd->moved);
        xsp->counts.windows++;
    }
    xxload(xsp, cmd);
    return (DDI_SUCCESS);
}

static uint_t
xxintr(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)(void *)arg;
    struct xxcmd *cmd;
    uint8_t status;
    size_t residue;

    mutex_enter(&xsp->mu);
    status = ddi_get8(xsp->access_hdl, &xsp->regp->csr);
    if (!(status & INTERRUPTING)) {
        mutex_exit(&xsp->mu);
        return (DDI_INTR_UNCLAIMED);
    }
    residue = (size_t)ddi_get64(xsp->access_hdl, &xsp->regp->residue);
    ddi_put8(xsp->access_hdl, &xsp->regp->csr, CLEAR_INTERRUPT);
    /* For store buffers: the read comes back when the write has arrived. */
    (void) ddi_get8(xsp->access_hdl, &xsp->regp->csr);

    if ((cmd = xsp->first) != NULL) {
        int failed = (status & XX_ERROR) != 0;

        cmd->moved = cmd->loaded - residue;
        if (failed || residue > 0 || xxadvance(xsp, cmd) != DDI_SUCCESS) {
            /* It is over: unbinding synchronises for the CPU. */
            VERIFY0(ddi_dma_unbind_handle(cmd->handle));
            xxdone(xsp, cmd->bp, failed ? EIO : 0, cmd->moved);
            cmd->bp = NULL;
            if ((xsp->first = cmd->next) != NULL)
                xxload(xsp, xsp->first);
            xxstart(xsp);
        }
    }
    xxexit(xsp);
    return (DDI_INTR_CLAIMED);
}

/* Gives back what attach has got so far. */
static void
xxrelease(struct xxstate *xsp)
{
    int i;

    for (i = 0; i < XX_COMMANDS; i++) {
        if (xsp->commands[i].handle != NULL)
            ddi_dma_free_handle(&xsp->commands[i].handle);
    }
    if (xsp->access_hdl != NULL)
        ddi_regs_map_free(&xsp->access_hdl);
    cv_destroy(&xsp->cv);
    mutex_destroy(&xsp->mu);
    ddi_soft_state_free(xx_state, ddi_get_instance(xsp->dip));
}

/* Maps the registers and allocates the handles. */
static int
xxallocate(struct xxstate *xsp)
{
    static ddi_device_acc_attr_t accattr = {
        DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC, DDI_DEFAULT_ACC
    };
    caddr_t addr;
    int i;

    if (ddi_regs_map_setup(xsp->dip, 0, &addr, 0, 0, &accattr, &xsp->access_hdl) != DDI_SUCCESS)
        return (DDI_FAILURE);
    xsp->regp = (struct device_reg *)(void *)addr;
    ddi_put8(xsp->access_hdl, &xsp->regp->csr, XX_RESET);
    for (i = 0; i < XX_COMMANDS; i++) {
        if (ddi_dma_alloc_handle(xsp->dip, &xx_dma_attr, DDI_DMA_SLEEP, NULL,
            &xsp->commands[i].handle) != DDI_SUCCESS)
            return (DDI_FAILURE);
    }
    return (DDI_SUCCESS);
}

static int
xxattach(dev_info_t *dip, ddi_attach_cmd_t cmd)
{
    int instance = ddi_get_instance(dip);
    struct xxstate *xsp;
    int bursts;

    if (cmd != DDI_ATTACH || ddi_slaveonly(dip) == DDI_SUCCESS)
        return (DDI_FAILURE);
    if (ddi_soft_state_zalloc(xx_state, instance) != DDI_SUCCESS)
        return (DDI_FAILURE);
    xsp = ddi_get_soft_state(xx_state, instance);
    xsp->dip = dip;
    xsp->entries = (uint_t)MIN(xx_dma_attr.dma_attr_sgllen, SGLLEN);
    if (ddi_prop_get_int(DDI_DEV_T_ANY, dip, DDI_PROP_DONTPASS, "xx-windows", 1) != 0)
        xsp->bind_flags = DDI_DMA_PARTIAL;
    if (ddi_get_iblock_cookie(dip, 0, &xsp->iblock) != DDI_SUCCESS) {
        ddi_soft_state_free(xx_state, instance);
        return (DDI_FAILURE);
    }
    mutex_init(&xsp->mu, NULL, MUTEX_DRIVER, xsp->iblock);
    cv_init(&xsp->cv, NULL, CV_DRIVER, NULL);
    if (xxallocate(xsp) != DDI_SUCCESS ||
        ddi_add_intr(dip, 0, NULL, NULL, xxintr, (caddr_t)xsp) != DDI_SUCCESS) {
        xxrelease(xsp);
        return (DDI_FAILURE);
    }
    /* The best burst that the bus carries. A device without this register does not mind. */
    bursts = ddi_dma_burstsizes(xsp->commands[0].handle);
    ddi_put16(xsp->access_hdl, &xsp->regp->burst, (uint16_t)((bursts & 4) ? 4 : (bursts & 2) ? 2 : 1));
    ddi_report_dev(dip);
    return (DDI_SUCCESS);
}

/* Bufs that are not bound end with ENXIO; those that are, and the callback, are waited for. */
static int
xxdetach(dev_info_t *dip, ddi_detach_cmd_t cmd)
{
    struct xxstate *xsp = ddi_get_soft_state(xx_state, ddi_get_instance(dip));

    if (cmd != DDI_DETACH || xsp == NULL)
        return (DDI_FAILURE);
    mutex_enter(&xsp->mu);
    xsp->detaching = 1;
    while (xsp->first != NULL || xsp->callback_count > 0)
        cv_wait(&xsp->cv, &xsp->mu);
    mutex_exit(&xsp->mu);
    ddi_remove_intr(dip, 0, xsp->iblock);
    xxrelease(xsp);
    return (DDI_SUCCESS);
}

void
xx_counts(dev_info_t *dip, struct xxcounts *counts)
{
    struct xxstate *xsp = ddi_get_soft_state(xx_state, ddi_get_instance(dip));

    mutex_enter(&xsp->mu);
    *counts = xsp->counts;
    mutex_exit(&xsp->mu);
}

static int
xxread(dev_t dev, struct uio *uiop, cred_t *credp)
{
    (void) credp;
    return (physio(xxstrategy, NULL, dev, B_READ, minphys, uiop));
}

static int
xxwrite(dev_t dev, struct uio *uiop, cred_t *credp)
{
    (void) credp;
    return (physio(xxstrategy, NULL, dev, B_WRITE, minphys, uiop));
}

static struct cb_ops xx_cb_ops = {
    .cb_open = nulldev,
    .cb_close = nulldev,
    .cb_strategy = xxstrategy,
    .cb_print = nodev,
    .cb_dump = nodev,
    .cb_read = xxread,
    .cb_write = xxwrite,
    .cb_ioctl = nodev,
    .cb_devmap = nodev,
    .cb_mmap = nodev,
    .cb_segmap = nodev,
    .cb_chpoll = nochpoll,
    .cb_prop_op = ddi_prop_op,
    .cb_flag = D_MP | D_NEW,
    .cb_rev = CB_REV,
    .cb_aread = nodev,
    .cb_awrite = nodev,
};

struct dev_ops xx_dev_ops = {
    .devo_rev = DEVO_REV,
    .devo_getinfo = ddi_no_info,
    .devo_identify = nulldev,
    .devo_probe = nulldev,
    .devo_attach = xxattach,
    .devo_detach = xxdetach,
    .devo_reset = nodev,
    .devo_cb_ops = &xx_cb_ops,
    .devo_quiesce = ddi_quiesce_not_needed,
};

static struct modldrv xx_modldrv = { &mod_driverops, "DMA disk", &xx_dev_ops };
static struct modlinkage xx_modlinkage = { MODREV_1, { &xx_modldrv, NULL } };

int
_init(void)
{
    int error = ddi_soft_state_init(&xx_state, sizeof (struct xxstate), 1);

    if (error == 0 && (error = mod_install(&xx_modlinkage)) != 0)
        ddi_soft_state_fini(&xx_state);
    return (error);
}

int
_fini(void)
{
    int error = mod_remove(&xx_modlinkage);

    if (error == 0)
        ddi_soft_state_fini(&xx_state);
    return (error);
}

int
_info(struct modinfo *modinfop)
{
    return (mod_info(&xx_modlinkage, modinfop));
}
