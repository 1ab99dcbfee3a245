/*
 * What drivers write, as they write it: it compiles without a warning, with DEBUG and _KERNEL and without. Compiling
 * this file is the test.
 */

#include <sys/atomic.h>
#include <sys/cmn_err.h>
#include <sys/conf.h>
#include <sys/containerof.h>
#include <sys/ddi.h>
#include <sys/debug.h>
#include <sys/file.h>
#include <sys/fm/io/ddi.h>
#include <sys/fm/protocol.h>
#include <sys/fm/util.h>
#include <sys/kmem.h>
#include <sys/list.h>
#include <sys/modctl.h>
#include <sys/open.h>
#include <sys/stream.h>
#include <sys/sunddi.h>
#include <sys/sysmacros.h>
#include <sys/varargs.h>

struct xxstate {
    dev_info_t *dip;
    kmutex_t mu;
    kcondvar_t cv;
    krwlock_t lock;
    ksema_t sema;
    ddi_iblock_cookie_t iblock_cookie;
    ddi_dma_handle_t handle;
    ddi_acc_handle_t access_hdl;
    caddr_t regs;
    uint_t busy;
    uint32_t count;
    list_t list;
    list_node_t node;
};

static void *statep;

static ddi_device_acc_attr_t access_attr = { DDI_DEVICE_ATTR_V0, DDI_STRUCTURE_LE_ACC, DDI_STRICTORDER_ACC,
    DDI_DEFAULT_ACC };

static ddi_dma_attr_t attributes = {
    DMA_ATTR_V0, 0xFF000000, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0x7, 0x1, 0xFFFFFFFF, 0xFFFFFFFF, 1, PAGESIZE, 0
};

/* An old declaration of a callback, and the flags as values of a newer one. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ <= 201710L
static int
xxbind_old(struct xxstate *xsp, struct buf *bp, int (*callback)(), caddr_t arg)
{
    ddi_dma_cookie_t cookie;
    uint_t ccount;

    if (ddi_dma_alloc_handle(xsp->dip, &attributes, callback, arg, &xsp->handle) != DDI_SUCCESS)
        return (FALSE);
    return (ddi_dma_buf_bind_handle(xsp->handle, bp, DDI_DMA_READ, callback, arg, &cookie, &ccount) == DDI_DMA_MAPPED);
}
#endif

static int
xxbind(struct xxstate *xsp, struct buf *bp, int kmflags)
{
    int (*dma_wait)(caddr_t) = (kmflags == KM_SLEEP) ? DDI_DMA_SLEEP : DDI_DMA_DONTWAIT;
    const ddi_dma_cookie_t *one = NULL;
    ddi_dma_cookie_t cookie;
    uint_t ccount, i;
    size_t total = 0;

    if (ddi_dma_buf_bind_handle(xsp->handle, bp, DDI_DMA_READ | DDI_DMA_PARTIAL, dma_wait, NULL, &cookie, &ccount) < 0)
        return (DDI_FAILURE);
    for (i = 1; i < ccount; i++) {
        ddi_put32(xsp->access_hdl, (uint32_t *)(void *)(xsp->regs + 8), cookie.dmac_address);
        total += cookie.dmac_size;
        ddi_dma_nextcookie(xsp->handle, &cookie);
    }
    for (one = ddi_dma_cookie_iter(xsp->handle, NULL); one != NULL; one = ddi_dma_cookie_iter(xsp->handle, one))
        total += P2ROUNDUP(one->dmac_size, (size_t)512);
    (void) ddi_dma_sync(xsp->handle, 0, MIN(total, bp->b_bcount), DDI_DMA_SYNC_FORCPU);
    return (DDI_SUCCESS);
}

static uint_t
xxintr(caddr_t arg)
{
    struct xxstate *xsp = (struct xxstate *)(void *)arg;
    int unread = ddi_dma_unbind_handle(xsp->handle);
    size_t left = 0;

    ASSERT(unread == DDI_SUCCESS);
    ASSERT0(left);
    ASSERT3U(left, <, 10);
    ASSERT3S(unread, >=, 0);
    ASSERT3P(xsp, !=, NULL);
    ASSERT3B(xsp->busy, ==, B_TRUE);
    ASSERT64(left == 0);
    ASSERT32(nothing_of_this_name);
    IMPLY(xsp->busy, left == 0);
    EQUIV(left == 0, xsp->busy);
    VERIFY(MUTEX_HELD(&xsp->mu));
    VERIFY0(unread);
    VERIFY3U(left, ==, 0);
    VERIFY3S(left, ==, 0);
    VERIFY3P(xsp->regs, !=, NULL);
    VERIFY3B(B_TRUE, ==, B_TRUE);
    if (xsp->busy)
        VERIFY0(left);
    else
        ASSERT3U(left, ==, 0);
    CTASSERT(sizeof (struct buf) == 248);
    mutex_enter(&xsp->mu);
    cv_broadcast(&xsp->cv);
    mutex_exit(&xsp->mu);
    atomic_inc_32(&xsp->count);
    return (atomic_cas_32(&xsp->count, 1, 0) == 1 ? DDI_INTR_CLAIMED : DDI_INTR_UNCLAIMED);
}

static int
xxattach(dev_info_t *dip, ddi_attach_cmd_t cmd)
{
    struct xxstate *xsp;
    int instance = ddi_get_instance(dip);

    if (cmd != DDI_ATTACH || ddi_soft_state_zalloc(statep, instance) != DDI_SUCCESS)
        return (DDI_FAILURE);
    xsp = (struct xxstate *)ddi_get_soft_state(statep, instance);
    xsp->dip = dip;
    if (ddi_regs_map_setup(dip, 0, &xsp->regs, 0, 0, &access_attr, &xsp->access_hdl) != DDI_SUCCESS)
        return (DDI_FAILURE);
    if (ddi_dma_alloc_handle(dip, &attributes, DDI_DMA_SLEEP, NULL, &xsp->handle) != DDI_SUCCESS)
        return (DDI_FAILURE);
    if (ddi_get_iblock_cookie(dip, 0, &xsp->iblock_cookie) != DDI_SUCCESS)
        return (DDI_FAILURE);
    mutex_init(&xsp->mu, "xx mutex", MUTEX_DRIVER, (void *)xsp->iblock_cookie);
    cv_init(&xsp->cv, "xx cv", CV_DRIVER, NULL);
    rw_init(&xsp->lock, NULL, RW_DRIVER, DDI_INTR_PRI(5));
    sema_init(&xsp->sema, 1, NULL, SEMA_DRIVER, NULL);
    list_create(&xsp->list, sizeof (struct xxstate), offsetof(struct xxstate, node));
    VERIFY3P(__containerof(&xsp->node, struct xxstate, node), ==, xsp);
    (void) ddi_prop_update_int(DDI_DEV_T_NONE, dip, "ddi-dma-one-list", 1);
    dev_err(dip, CE_NOTE, "!attached, page %d, instance %d", (int)ptob(1), instance);
    if (ddi_add_intr(dip, 0, NULL, NULL, xxintr, (caddr_t)(void *)xsp) != DDI_SUCCESS)
        cmn_err(CE_WARN, "xx%d: %b", instance, 3, "\020\1one\2two");
    return (DDI_SUCCESS);
}

static int
xxstrategy(struct buf *bp)
{
    struct xxstate *xsp = (struct xxstate *)ddi_get_soft_state(statep, (int)getminor(bp->b_edev));

    if (xsp == NULL || bp->b_blkno < 0) {
        bioerror(bp, ENXIO);
        bp->b_resid = bp->b_bcount;
        biodone(bp);
        return (0);
    }
    bzero(bp->b_un.b_addr, bp->b_bcount);
    bcopy("x", bp->b_un.b_addr, 1);
#if defined(__STDC_VERSION__) && __STDC_VERSION__ <= 201710L
    if (bp->b_flags & B_READ)
        return (xxbind_old(xsp, bp, DDI_DMA_SLEEP, NULL));
#endif
    return (xxbind(xsp, bp, KM_NOSLEEP));
}

static int
xxread(dev_t dev, struct uio *uiop, cred_t *credp)
{
    _NOTE(ARGUNUSED(credp))
    (void) credp;
    return (uiop->uio_offset < 0 ? EINVAL : physio(xxstrategy, NULL, dev, B_READ, minphys, uiop));
}

#ifndef __cplusplus
static struct cb_ops xx_cb_ops = {
    nulldev, nulldev, xxstrategy, nodev, nodev, xxread, nodev, nodev, nodev, nodev, nodev, nochpoll, ddi_prop_op, NULL,
    D_NEW | D_MP | D_64BIT, CB_REV, nodev, nodev
};

static struct dev_ops xx_dev_ops = {
    DEVO_REV, 0, ddi_no_info, nulldev, nulldev, xxattach, nodev, nodev, &xx_cb_ops, (struct bus_ops *)NULL, NULL,
    ddi_quiesce_not_needed
};
#else
static struct dev_ops xx_dev_ops = {
    DEVO_REV, 0, ddi_no_info, NULL, NULL, xxattach, NULL, NULL, NULL, NULL, NULL, ddi_quiesce_not_supported
};
extern int (*xx_read)(dev_t, struct uio *, cred_t *);
int (*xx_read)(dev_t, struct uio *, cred_t *) = xxread;
#endif

static struct modldrv modldrv = { &mod_driverops, "an example", &xx_dev_ops };
static struct modlinkage modlinkage = { MODREV_1, { (void *)&modldrv, NULL, NULL, NULL, NULL, NULL, NULL } };

int
_init(void)
{
    int error = ddi_soft_state_init(&statep, sizeof (struct xxstate), 1);

    if (error != 0)
        return (error);
    if ((error = mod_install(&modlinkage)) != 0)
        ddi_soft_state_fini(&statep);
    return (error);
}

int
_fini(void)
{
    return (mod_remove(&modlinkage));
}

int
_info(struct modinfo *modinfop)
{
    return (mod_info(&modlinkage, modinfop));
}
