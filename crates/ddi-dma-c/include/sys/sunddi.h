/*
 * The functions of the Solaris DDI: DMA, registers, properties, soft state, locked memory.
 *
 * Their manual is section 9F; where a choice was open, the comments here say how it was made. A mistake of the caller's
 * for which 9F has a return code gets that code; another ends the process with a message that names the function. The
 * text of a thread's last refusal is ddi_dma_last_error() of <ddi_dma.h>.
 *
 * Left out: the functions of nexus drivers, minor nodes, power management, events, task queues, device ids, mapping
 * devices into processes, PCI configuration space, properties that are not integers, and all that 9F calls obsolete.
 */
#ifndef DDI_DMA_SYS_SUNDDI_H
#define DDI_DMA_SYS_SUNDDI_H

#include <sys/byteorder.h>
#include <sys/cmn_err.h>
#include <sys/ddi_intr.h>
#include <sys/ddidevmap.h>
#include <sys/ddidmareq.h>
#include <sys/ddifm.h>
#include <sys/ddipropdefs.h>
#include <sys/dditypes.h>
#include <sys/devops.h>
#include <sys/dma_engine.h>
#include <sys/isa_defs.h>
#include <sys/stream.h>
#include <sys/systm.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DDI_SUCCESS 0
#define DDI_FAILURE (-1)
#define DDI_NOT_WELL_FORMED (-2)
#define DDI_EAGAIN (-3)
#define DDI_EINVAL (-4)
#define DDI_ENOTSUP (-5)
#define DDI_EPENDING (-6)
#define DDI_EALREADY (-7)

#define DDI_ENOMEM 1
#define DDI_EBUSY 2
#define DDI_ETRANSPORT 3
#define DDI_ECONTEXT 4

#define DDI_SLEEP 0
#define DDI_NOSLEEP 1

/* What an error did to a service. */
typedef enum {
    DDI_SERVICE_LOST = -32,
    DDI_SERVICE_DEGRADED = -16,
    DDI_SERVICE_UNAFFECTED = 0,
    DDI_SERVICE_RESTORED = 16
} ddi_fault_impact_t;

/* DMA. Flags and return codes are in <sys/ddidmareq.h>. */

/* Checks and copies *attr. DDI_SUCCESS, DDI_DMA_BADATTR, DDI_DMA_NORESOURCES. */
extern int ddi_dma_alloc_handle(dev_info_t *dip, ddi_dma_attr_t *attr, int (*callback)(caddr_t), caddr_t arg,
    ddi_dma_handle_t *handlep);
/* The handle is not bound. Sets *handlep to NULL. */
extern void ddi_dma_free_handle(ddi_dma_handle_t *handlep);

/* Memory that the device reaches as it is. DDI_SUCCESS, DDI_FAILURE. */
extern int ddi_dma_mem_alloc(ddi_dma_handle_t handle, size_t length, ddi_device_acc_attr_t *accattrp,
    uint_t flags, int (*waitfp)(caddr_t), caddr_t arg, caddr_t *kaddrp, size_t *real_length,
    ddi_acc_handle_t *handlep);
/* Sets *handlep to NULL. */
extern void ddi_dma_mem_free(ddi_acc_handle_t *handlep);

/*
 * `as` is NULL. Without DDI_DMA_PARTIAL they return all cookies of the object, more than dma_attr_sgllen where it takes
 * that: the driver gives its engine as many at a time as it takes. With it each scatter/gather list is a window of
 * ddi_dma_getwin. The property "ddi-dma-one-list" of the device, where it is not 0, makes an object that takes more
 * than one list DDI_DMA_TOOBIG without DDI_DMA_PARTIAL. `cookiep` and `ccountp` may be NULL.
 */
extern int ddi_dma_addr_bind_handle(ddi_dma_handle_t handle, struct as *as, caddr_t addr, size_t len, uint_t flags,
    int (*callback)(caddr_t), caddr_t arg, ddi_dma_cookie_t *cookiep, uint_t *ccountp);
extern int ddi_dma_buf_bind_handle(ddi_dma_handle_t handle, struct buf *bp, uint_t flags,
    int (*callback)(caddr_t), caddr_t arg, ddi_dma_cookie_t *cookiep, uint_t *ccountp);
/* DDI_SUCCESS, or DDI_FAILURE where it is not bound. Synchronises the object for the CPU. */
extern int ddi_dma_unbind_handle(ddi_dma_handle_t handle);

/* The cookies of the current window. */
extern void ddi_dma_nextcookie(ddi_dma_handle_t handle, ddi_dma_cookie_t *cookiep);
extern uint_t ddi_dma_ncookies(ddi_dma_handle_t handle);
/* The cookie after `cookiep`, the first for NULL; NULL after the last. */
extern const ddi_dma_cookie_t *ddi_dma_cookie_iter(ddi_dma_handle_t handle, const ddi_dma_cookie_t *cookiep);
/* NULL where there is none of that index. */
extern const ddi_dma_cookie_t *ddi_dma_cookie_get(ddi_dma_handle_t handle, uint_t index);
/* The only cookie: it is a mistake to ask where there are more. */
extern const ddi_dma_cookie_t *ddi_dma_cookie_one(ddi_dma_handle_t handle);

extern int ddi_dma_numwin(ddi_dma_handle_t handle, uint_t *nwinp);
extern int ddi_dma_getwin(ddi_dma_handle_t handle, uint_t win, off_t *offp, size_t *lenp,
    ddi_dma_cookie_t *cookiep, uint_t *ccountp);

/* `offset` is of the object, within the current window. A length of 0 is all from there to the window's end. */
extern int ddi_dma_sync(ddi_dma_handle_t handle, off_t offset, size_t length, uint_t type);
extern int ddi_dma_burstsizes(ddi_dma_handle_t handle);
extern int ddi_dma_set_sbus64(ddi_dma_handle_t handle, ulong_t burstsizes);
extern int ddi_check_dma_handle(ddi_dma_handle_t handle);
/* DDI_SUCCESS where the device can only be a slave: there is no DMA. */
extern int ddi_slaveonly(dev_info_t *dip);

/*
 * Registers. A simulated disk or network device has its registers in set 0, the floppy its I/O ports; a PCI device of
 * this machine has configuration space as set 0, and what is behind its base address registers from set 1 on.
 */

#define DDI_REGS_ACC_CONFLICT (-10)
#define DDI_ME_GENERIC (-1)
#define DDI_ME_UNIMPLEMENTED (-2)
#define DDI_ME_NORESOURCES (-3)
#define DDI_ME_UNSUPPORTED (-4)
#define DDI_ME_REGSPEC_RANGE (-5)
#define DDI_ME_RNUMBER_RANGE (-6)
#define DDI_ME_INVAL (-7)

/* DDI_SUCCESS, DDI_ME_RNUMBER_RANGE, DDI_ME_NORESOURCES, DDI_FAILURE. *addrp is for ddi_get8(9F) and its kind only. */
extern int ddi_regs_map_setup(dev_info_t *dip, uint_t rnumber, caddr_t *addrp, offset_t offset, offset_t len,
    ddi_device_acc_attr_t *accattrp, ddi_acc_handle_t *handlep);
extern void ddi_regs_map_free(ddi_acc_handle_t *handlep);
extern int ddi_dev_regsize(dev_info_t *dip, uint_t rnumber, off_t *resultp);
extern int ddi_dev_nregs(dev_info_t *dip, int *resultp);
extern int ddi_check_acc_handle(ddi_acc_handle_t handle);

#define DDI_DEV_NO_AUTOINCR 0x0000
#define DDI_DEV_AUTOINCR 0x0001

extern uint8_t ddi_get8(ddi_acc_handle_t handle, uint8_t *dev_addr);
extern uint16_t ddi_get16(ddi_acc_handle_t handle, uint16_t *dev_addr);
extern uint32_t ddi_get32(ddi_acc_handle_t handle, uint32_t *dev_addr);
extern uint64_t ddi_get64(ddi_acc_handle_t handle, uint64_t *dev_addr);

extern void ddi_put8(ddi_acc_handle_t handle, uint8_t *dev_addr, uint8_t value);
extern void ddi_put16(ddi_acc_handle_t handle, uint16_t *dev_addr, uint16_t value);
extern void ddi_put32(ddi_acc_handle_t handle, uint32_t *dev_addr, uint32_t value);
extern void ddi_put64(ddi_acc_handle_t handle, uint64_t *dev_addr, uint64_t value);

extern void ddi_rep_get8(ddi_acc_handle_t handle, uint8_t *host_addr, uint8_t *dev_addr, size_t repcount,
    uint_t flags);
extern void ddi_rep_get16(ddi_acc_handle_t handle, uint16_t *host_addr, uint16_t *dev_addr, size_t repcount,
    uint_t flags);
extern void ddi_rep_get32(ddi_acc_handle_t handle, uint32_t *host_addr, uint32_t *dev_addr, size_t repcount,
    uint_t flags);
extern void ddi_rep_get64(ddi_acc_handle_t handle, uint64_t *host_addr, uint64_t *dev_addr, size_t repcount,
    uint_t flags);

extern void ddi_rep_put8(ddi_acc_handle_t handle, uint8_t *host_addr, uint8_t *dev_addr, size_t repcount,
    uint_t flags);
extern void ddi_rep_put16(ddi_acc_handle_t handle, uint16_t *host_addr, uint16_t *dev_addr, size_t repcount,
    uint_t flags);
extern void ddi_rep_put32(ddi_acc_handle_t handle, uint32_t *host_addr, uint32_t *dev_addr, size_t repcount,
    uint_t flags);
extern void ddi_rep_put64(ddi_acc_handle_t handle, uint64_t *host_addr, uint64_t *dev_addr, size_t repcount,
    uint_t flags);

static inline uint16_t ddi_swap16(uint16_t value)
{
    return (BSWAP_16(value));
}

static inline uint32_t ddi_swap32(uint32_t value)
{
    return (BSWAP_32(value));
}

static inline uint64_t ddi_swap64(uint64_t value)
{
    return (BSWAP_64(value));
}

/* The device. */

extern int ddi_get_instance(dev_info_t *dip);
extern char *ddi_get_name(dev_info_t *dip);
extern char *ddi_binding_name(dev_info_t *dip);
extern char *ddi_node_name(dev_info_t *dip);
extern const char *ddi_driver_name(dev_info_t *dip);
extern char *ddi_get_name_addr(dev_info_t *dip);
extern void *ddi_get_driver_private(dev_info_t *dip);
extern void ddi_set_driver_private(dev_info_t *dip, void *data);
extern void ddi_report_dev(dev_info_t *dip);

/* Properties, which are integers. */

extern int ddi_prop_update_int(dev_t dev, dev_info_t *dip, DDI_DMA_NAME *name, int data);
extern int ddi_prop_get_int(dev_t match_dev, dev_info_t *dip, uint_t flags, DDI_DMA_NAME *name, int defvalue);
extern int ddi_prop_exists(dev_t match_dev, dev_info_t *dip, uint_t flags, DDI_DMA_NAME *name);
extern int ddi_prop_remove(dev_t dev, dev_info_t *dip, DDI_DMA_NAME *name);
extern void ddi_prop_remove_all(dev_info_t *dip);
extern int ddi_prop_op(dev_t dev, dev_info_t *dip, ddi_prop_op_t prop_op, int mod_flags, char *name,
    caddr_t valuep, int *lengthp);

/* Soft state: a structure for each instance of a driver. */

extern int ddi_soft_state_init(void **state_p, size_t size, size_t n_items);
extern int ddi_soft_state_zalloc(void *state, int item);
/* NULL where there is none. */
extern void *ddi_get_soft_state(void *state, int item);
extern void ddi_soft_state_free(void *state, int item);
extern void ddi_soft_state_fini(void **state_p);

/* Memory that a device shares with a process. */

extern void *ddi_umem_alloc(size_t size, int flag, ddi_umem_cookie_t *cookiep);
extern void ddi_umem_free(ddi_umem_cookie_t cookie);
/* 0, EINVAL, ENOMEM, EFAULT, EACCES. Address and length are of whole pages. */
extern int ddi_umem_lock(caddr_t addr, size_t len, int flags, ddi_umem_cookie_t *cookiep);
extern void ddi_umem_unlock(ddi_umem_cookie_t cookie);
extern struct buf *ddi_umem_iosetup(ddi_umem_cookie_t cookie, off_t off, size_t len, int direction, dev_t dev,
    daddr_t blkno, int (*iodone)(struct buf *), int sleepflag);

/* Raw I/O. */

extern int maxphys;
extern int physio(int (*strat)(struct buf *), struct buf *bp, dev_t dev, int rw, void (*mincnt)(struct buf *),
    struct uio *uio);
extern void disksort(struct diskhd *dp, struct buf *bp);
extern int ddi_copyin(const void *buf, void *driverbuf, size_t cn, int flags);
extern int ddi_copyout(const void *driverbuf, void *buf, size_t cn, int flags);

/* Time. */

extern clock_t ddi_get_lbolt(void);
extern int64_t ddi_get_lbolt64(void);
extern time_t ddi_get_time(void);

/* Entry points for drivers that have none of their own. */

extern int nochpoll(dev_t dev, short events, int anyyet, short *reventsp, struct pollhead **phpp);
extern int ddi_no_info(dev_info_t *dip, ddi_info_cmd_t infocmd, void *arg, void **result);
extern int ddi_quiesce_not_needed(dev_info_t *dip);
extern int ddi_quiesce_not_supported(dev_info_t *dip);

extern int ddi_in_panic(void);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_SUNDDI_H */
