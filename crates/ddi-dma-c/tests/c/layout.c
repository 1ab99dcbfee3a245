/*
 * Layouts and constants that programs and the library share: the figures that src/abi asserts of its structures, and
 * those of the 64-bit x86 ABI of illumos. Compiling this file is the test; it is C99 and C++11 alike.
 */

#include <ddi_dma.h>
#include <stddef.h>
#include <sys/buf.h>
#include <sys/conf.h>
#include <sys/cmn_err.h>
#include <sys/ddi.h>
#include <sys/debug.h>
#include <sys/dma_engine.h>
#include <sys/kmem.h>
#include <sys/ksynch.h>
#include <sys/list.h>
#include <sys/modctl.h>
#include <sys/open.h>
#include <sys/sunddi.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define SIZE(type, bytes) CTASSERT(sizeof(type) == (bytes))
#define PLACE(type, member, offset) CTASSERT(offsetof(type, member) == (offset))
#define VALUE(name, value) CTASSERT((name) == (value))

/* Types. */
SIZE(uchar_t, 1);
SIZE(ushort_t, 2);
SIZE(uint_t, 4);
SIZE(ulong_t, 8);
SIZE(longlong_t, 8);
SIZE(u_longlong_t, 8);
SIZE(boolean_t, 4);
SIZE(caddr_t, 8);
SIZE(daddr_t, 8);
SIZE(off_t, 8);
SIZE(offset_t, 8);
SIZE(u_offset_t, 8);
SIZE(diskaddr_t, 8);
SIZE(dev_t, 8);
SIZE(o_dev_t, 2);
SIZE(major_t, 4);
SIZE(minor_t, 4);
SIZE(clock_t, 8);
SIZE(time_t, 8);
SIZE(hrtime_t, 8);
SIZE(pfn_t, 8);
SIZE(pgcnt_t, 8);
SIZE(pri_t, 2);
SIZE(lloff_t, 8);
SIZE(lldaddr_t, 8);
VALUE(B_FALSE, 0);
VALUE(B_TRUE, 1);
VALUE(FALSE, 0);
VALUE(TRUE, 1);

/* Handles and devices are as wide as a pointer. */
SIZE(dev_info_t *, 8);
SIZE(ddi_dma_handle_t, 8);
SIZE(ddi_acc_handle_t, 8);
SIZE(ddi_umem_cookie_t, 8);
SIZE(ddi_iblock_cookie_t, 8);
SIZE(ddi_idevice_cookie_t, 4);
PLACE(ddi_idevice_cookie_t, idev_vector, 0);
PLACE(ddi_idevice_cookie_t, idev_priority, 2);
PLACE(ddi_idevice_cookie_t, idev_softint, 0);

/* ddi_dma_attr(9S) */
SIZE(ddi_dma_attr_t, 80);
PLACE(ddi_dma_attr_t, dma_attr_version, 0);
PLACE(ddi_dma_attr_t, dma_attr_addr_lo, 8);
PLACE(ddi_dma_attr_t, dma_attr_addr_hi, 16);
PLACE(ddi_dma_attr_t, dma_attr_count_max, 24);
PLACE(ddi_dma_attr_t, dma_attr_align, 32);
PLACE(ddi_dma_attr_t, dma_attr_burstsizes, 40);
PLACE(ddi_dma_attr_t, dma_attr_minxfer, 44);
PLACE(ddi_dma_attr_t, dma_attr_maxxfer, 48);
PLACE(ddi_dma_attr_t, dma_attr_seg, 56);
PLACE(ddi_dma_attr_t, dma_attr_sgllen, 64);
PLACE(ddi_dma_attr_t, dma_attr_granular, 68);
PLACE(ddi_dma_attr_t, dma_attr_flags, 72);
VALUE(DMA_ATTR_V0, 0);
VALUE(DDI_DMA_FORCE_PHYSICAL, 0x100);
VALUE(DDI_DMA_FLAGERR, 0x200);
VALUE(DDI_DMA_RELAXED_ORDERING, 0x400);

/* ddi_dma_cookie(9S) */
SIZE(ddi_dma_cookie_t, 24);
PLACE(ddi_dma_cookie_t, dmac_laddress, 0);
PLACE(ddi_dma_cookie_t, dmac_address, 0);
PLACE(ddi_dma_cookie_t, dmac_notused, 4);
PLACE(ddi_dma_cookie_t, dmac_size, 8);
PLACE(ddi_dma_cookie_t, dmac_type, 16);

/* ddi_device_acc_attr(9S) */
SIZE(ddi_device_acc_attr_t, 6);
PLACE(ddi_device_acc_attr_t, devacc_attr_version, 0);
PLACE(ddi_device_acc_attr_t, devacc_attr_endian_flags, 2);
PLACE(ddi_device_acc_attr_t, devacc_attr_dataorder, 3);
PLACE(ddi_device_acc_attr_t, devacc_attr_access, 4);
VALUE(DDI_DEVICE_ATTR_V0, 1);
VALUE(DDI_DEVICE_ATTR_V1, 2);
VALUE(DDI_NEVERSWAP_ACC, 0);
VALUE(DDI_STRUCTURE_LE_ACC, 1);
VALUE(DDI_STRUCTURE_BE_ACC, 2);
VALUE(DDI_STRICTORDER_ACC, 0);
VALUE(DDI_UNORDERED_OK_ACC, 1);
VALUE(DDI_MERGING_OK_ACC, 2);
VALUE(DDI_LOADCACHING_OK_ACC, 3);
VALUE(DDI_STORECACHING_OK_ACC, 4);
VALUE(DDI_DEFAULT_ACC, 1);
VALUE(DDI_FLAGERR_ACC, 2);
VALUE(DDI_CAUTIOUS_ACC, 3);
VALUE(DDI_DEV_NO_AUTOINCR, 0);
VALUE(DDI_DEV_AUTOINCR, 1);

/* ddi_dmae_req(9S) */
SIZE(struct ddi_dmae_req, 40);
PLACE(struct ddi_dmae_req, der_rdip, 0);
PLACE(struct ddi_dmae_req, der_command, 8);
PLACE(struct ddi_dmae_req, der_bufprocess, 9);
PLACE(struct ddi_dmae_req, der_step, 10);
PLACE(struct ddi_dmae_req, der_trans, 11);
PLACE(struct ddi_dmae_req, der_path, 12);
PLACE(struct ddi_dmae_req, der_cycles, 13);
PLACE(struct ddi_dmae_req, der_dest, 14);
PLACE(struct ddi_dmae_req, der_arbus, 15);
PLACE(struct ddi_dmae_req, der_ioadr, 16);
PLACE(struct ddi_dmae_req, proc, 24);
PLACE(struct ddi_dmae_req, procparms, 32);
VALUE(NCHANS, 8);
VALUE(DMAE_CMD_VRFY, 0);
VALUE(DMAE_CMD_WRITE, 1);
VALUE(DMAE_CMD_READ, 2);
VALUE(DMAE_CMD_TRAN, 3);
VALUE(DMAE_BUF_NOAUTO, 0);
VALUE(DMAE_BUF_CHAIN, 1);
VALUE(DMAE_BUF_AUTO, 2);
VALUE(DMAE_STEP_INC, 0);
VALUE(DMAE_STEP_DEC, 1);
VALUE(DMAE_STEP_HOLD, 2);
VALUE(DMAE_TRANS_SNGL, 0);
VALUE(DMAE_TRANS_BLCK, 1);
VALUE(DMAE_TRANS_DMND, 2);
VALUE(DMAE_TRANS_CSCD, 3);
VALUE(DMAE_PATH_DEF, 0);
VALUE(DMAE_PATH_8, 1);
VALUE(DMAE_PATH_16, 2);
VALUE(DMAE_PATH_32, 3);
VALUE(DMAE_PATH_64, 4);
VALUE(DMAE_PATH_16B, 5);
VALUE(DMAE_CYCLES_1, 0);
VALUE(DMAE_CYCLES_4, 3);
VALUE(DMAE_DEST_IO, 0);
VALUE(DMAE_DEST_MEM, 1);

/* buf(9S) */
SIZE(struct buf, 248);
PLACE(struct buf, b_flags, 0);
PLACE(struct buf, b_forw, 8);
PLACE(struct buf, b_back, 16);
PLACE(struct buf, av_forw, 24);
PLACE(struct buf, av_back, 32);
PLACE(struct buf, b_dev, 40);
PLACE(struct buf, b_bcount, 48);
PLACE(struct buf, b_un, 56);
PLACE(struct buf, b_un.b_addr, 56);
PLACE(struct buf, b_blkno, 64);
PLACE(struct buf, b_lblkno, 64);
PLACE(struct buf, b_obs1, 72);
PLACE(struct buf, b_resid, 80);
PLACE(struct buf, b_start, 88);
PLACE(struct buf, b_proc, 96);
PLACE(struct buf, b_pages, 104);
PLACE(struct buf, b_obs2, 112);
PLACE(struct buf, b_bufsize, 120);
PLACE(struct buf, b_iodone, 128);
PLACE(struct buf, b_vp, 136);
PLACE(struct buf, b_chain, 144);
PLACE(struct buf, b_obs3, 152);
PLACE(struct buf, b_error, 156);
PLACE(struct buf, b_private, 160);
PLACE(struct buf, b_edev, 168);
PLACE(struct buf, b_sem, 176);
PLACE(struct buf, b_io, 192);
PLACE(struct buf, b_list, 208);
PLACE(struct buf, b_shadow, 216);
PLACE(struct buf, b_dip, 224);
PLACE(struct buf, b_file, 232);
PLACE(struct buf, b_offset, 240);
PLACE(struct diskhd, av_forw, offsetof(struct buf, av_forw));
PLACE(struct diskhd, b_bcount, offsetof(struct buf, b_bcount));
VALUE(B_BUSY, 0x1);
VALUE(B_DONE, 0x2);
VALUE(B_ERROR, 0x4);
VALUE(B_PAGEIO, 0x10);
VALUE(B_PHYS, 0x20);
VALUE(B_READ, 0x40);
VALUE(B_WANTED, 0x80);
VALUE(B_WRITE, 0x100);
VALUE(B_ASYNC, 0x400);
VALUE(B_REMAPPED, 0x4000);
VALUE(B_SHADOW, 0x200000);

/* uio(9S), iovec(9S) */
SIZE(iovec_t, 16);
PLACE(iovec_t, iov_base, 0);
PLACE(iovec_t, iov_len, 8);
SIZE(uio_t, 48);
PLACE(uio_t, uio_iov, 0);
PLACE(uio_t, uio_iovcnt, 8);
PLACE(uio_t, uio_loffset, 16);
PLACE(uio_t, uio_offset, 16);
PLACE(uio_t, uio_segflg, 24);
PLACE(uio_t, uio_fmode, 28);
PLACE(uio_t, uio_extflg, 30);
PLACE(uio_t, uio_llimit, 32);
PLACE(uio_t, uio_limit, 32);
PLACE(uio_t, uio_resid, 40);
VALUE(UIO_READ, 0);
VALUE(UIO_WRITE, 1);
VALUE(UIO_USERSPACE, 0);
VALUE(UIO_SYSSPACE, 1);
VALUE(UIO_USERISPACE, 2);

/* Locks and lists. */
SIZE(kmutex_t, 8);
SIZE(kcondvar_t, 2);
SIZE(krwlock_t, 8);
SIZE(ksema_t, 16);
VALUE(MUTEX_ADAPTIVE, 0);
VALUE(MUTEX_SPIN, 1);
VALUE(MUTEX_DRIVER, 4);
VALUE(MUTEX_DEFAULT, 6);
VALUE(CV_DEFAULT, 0);
VALUE(CV_DRIVER, 1);
VALUE(TR_NANOSEC, 0);
VALUE(TR_CLOCK_TICK, 4);
VALUE(RW_DRIVER, 2);
VALUE(RW_DEFAULT, 4);
VALUE(RW_WRITER, 0);
VALUE(RW_READER, 1);
VALUE(RW_READER_STARVEWRITER, 2);
VALUE(SEMA_DEFAULT, 0);
VALUE(SEMA_DRIVER, 1);
SIZE(list_t, 32);
SIZE(list_node_t, 16);

/* Functions of memory and messages. */
VALUE(KM_SLEEP, 0);
VALUE(KM_NOSLEEP, 1);
VALUE(KM_PANIC, 2);
VALUE(KM_PUSHPAGE, 4);
VALUE(KM_NORMALPRI, 8);
VALUE(CE_CONT, 0);
VALUE(CE_NOTE, 1);
VALUE(CE_WARN, 2);
VALUE(CE_PANIC, 3);
VALUE(CE_IGNORE, 4);

/* DMA. */
VALUE(DDI_SUCCESS, 0);
VALUE(DDI_FAILURE, -1);
VALUE(DDI_DMA_MAPPED, 0);
VALUE(DDI_DMA_MAPOK, 0);
VALUE(DDI_DMA_PARTIAL_MAP, 1);
VALUE(DDI_DMA_DONE, 2);
VALUE(DDI_DMA_NORESOURCES, -1);
VALUE(DDI_DMA_NOMAPPING, -2);
VALUE(DDI_DMA_TOOBIG, -3);
VALUE(DDI_DMA_TOOSMALL, -4);
VALUE(DDI_DMA_LOCKED, -5);
VALUE(DDI_DMA_BADLIMITS, -6);
VALUE(DDI_DMA_STALE, -7);
VALUE(DDI_DMA_BADATTR, -8);
VALUE(DDI_DMA_INUSE, -9);
VALUE(DDI_DMA_USE_PHYSICAL, -10);
VALUE(DDI_DMA_WRITE, 0x1);
VALUE(DDI_DMA_READ, 0x2);
VALUE(DDI_DMA_RDWR, 0x3);
VALUE(DDI_DMA_REDZONE, 0x4);
VALUE(DDI_DMA_PARTIAL, 0x8);
VALUE(DDI_DMA_CONSISTENT, 0x10);
VALUE(DDI_DMA_EXCLUSIVE, 0x20);
VALUE(DDI_DMA_STREAMING, 0x40);
VALUE(DDI_DMA_SBUS_64BIT, 0x2000);
VALUE(DDI_DMA_SYNC_FORDEV, 0);
VALUE(DDI_DMA_SYNC_FORCPU, 1);
VALUE(DDI_DMA_SYNC_FORKERNEL, 2);
VALUE(DDI_DMA_CALLBACK_RUNOUT, 0);
VALUE(DDI_DMA_CALLBACK_DONE, 1);
VALUE(IOMEM_DATA_CACHED, 0x10000);
VALUE(IOMEM_DATA_UC_WR_COMBINE, 0x20000);
VALUE(IOMEM_DATA_UNCACHED, 0x40000);
VALUE(DDI_UMEM_SLEEP, 0);
VALUE(DDI_UMEM_NOSLEEP, 1);
VALUE(DDI_UMEM_PAGEABLE, 2);
VALUE(DDI_UMEM_TRASH, 4);
VALUE(DDI_UMEMLOCK_READ, 1);
VALUE(DDI_UMEMLOCK_WRITE, 2);

/* Interrupts, properties, errors. */
VALUE(DDI_INTR_CLAIMED, 1);
VALUE(DDI_INTR_UNCLAIMED, 0);
VALUE(DDI_INTR_NOTFOUND, 1);
VALUE(DDI_PROP_SUCCESS, 0);
VALUE(DDI_PROP_NOT_FOUND, 1);
VALUE(DDI_PROP_NO_MEMORY, 3);
VALUE(DDI_PROP_INVAL_ARG, 4);
VALUE(DDI_PROP_DONTPASS, 1);
VALUE(DDI_DEV_T_NONE, 0xffffffffffffffff);
VALUE(DDI_DEV_T_ANY, 0xfffffffffffffffe);
VALUE(PROP_LEN, 0);
VALUE(PROP_LEN_AND_VAL_BUF, 1);
VALUE(PROP_LEN_AND_VAL_ALLOC, 2);
VALUE(PROP_EXISTS, 3);
VALUE(DDI_SERVICE_LOST, -32);
VALUE(DDI_SERVICE_DEGRADED, -16);
VALUE(DDI_SERVICE_UNAFFECTED, 0);
VALUE(DDI_SERVICE_RESTORED, 16);
SIZE(ddi_fm_error_t, 56);
PLACE(ddi_fm_error_t, fme_version, 0);
PLACE(ddi_fm_error_t, fme_status, 4);
PLACE(ddi_fm_error_t, fme_flag, 8);
PLACE(ddi_fm_error_t, fme_ena, 16);
PLACE(ddi_fm_error_t, fme_acc_handle, 24);
PLACE(ddi_fm_error_t, fme_dma_handle, 32);
PLACE(ddi_fm_error_t, fme_bus_specific, 40);
PLACE(ddi_fm_error_t, fme_bus_type, 48);
VALUE(DDI_FM_OK, 0);
VALUE(DDI_FM_FATAL, -1);
VALUE(DDI_FM_NONFATAL, -2);
VALUE(DDI_FM_UNKNOWN, -3);
VALUE(DDI_FME_VER0, 0);
VALUE(DDI_FME_VER1, 1);

/* Entry points and modules. */
SIZE(struct cb_ops, 136);
PLACE(struct cb_ops, cb_strategy, 16);
PLACE(struct cb_ops, cb_prop_op, 96);
PLACE(struct cb_ops, cb_flag, 112);
PLACE(struct cb_ops, cb_rev, 116);
SIZE(struct dev_ops, 88);
PLACE(struct dev_ops, devo_attach, 32);
PLACE(struct dev_ops, devo_detach, 40);
PLACE(struct dev_ops, devo_cb_ops, 56);
PLACE(struct dev_ops, devo_quiesce, 80);
VALUE(DEVO_REV, 4);
VALUE(CB_REV, 1);
VALUE(DDI_ATTACH, 0);
VALUE(DDI_RESUME, 1);
VALUE(DDI_DETACH, 0);
VALUE(DDI_SUSPEND, 1);
VALUE(D_MP, 0x20);
VALUE(D_64BIT, 0x200);
VALUE(OTYP_BLK, 0);
VALUE(OTYP_CHR, 2);
SIZE(struct modlinkage, 64);
PLACE(struct modlinkage, ml_linkage, 8);
SIZE(struct modldrv, 24);
SIZE(struct modinfo, 432);
PLACE(struct modinfo, mi_msinfo, 72);
VALUE(MODREV_1, 1);

/* Alignments, as the comments beside the macros have them. */
VALUE(PAGESIZE, 4096);
VALUE(P2ALIGN(0x1234, 0x100), 0x1200);
VALUE(P2ALIGN(0x5600, 0x100), 0x5600);
VALUE(P2PHASE(0x1234, 0x100), 0x34);
VALUE(P2NPHASE(0x1234, 0x100), 0xcc);
VALUE(P2NPHASE(0x5600, 0x100), 0);
VALUE(P2ROUNDUP(0x1234, 0x100), 0x1300);
VALUE(P2ROUNDUP(0x5600, 0x100), 0x5600);
VALUE(P2END(0x1234, 0x100), 0x1300);
VALUE(P2END(0x5600, 0x100), 0x5700);
VALUE(P2PHASEUP(0x1234, 0x100, 0x10), 0x1310);
VALUE(P2BOUNDARY(0x1234, 0xe0, 0x100), 1);
VALUE(P2BOUNDARY(0x1234, 0x50, 0x100), 0);
VALUE(P2ROUNDUP_TYPED(0x100000001, 0x1000u, uint64_t), 0x100001000);
VALUE(IS_P2ALIGNED(0x2000, 0x1000), 1);
VALUE(IS_P2ALIGNED(0x2001, 0x1000), 0);
VALUE(ISP2(0x400), 1);
VALUE(ISP2(0x401), 0);
VALUE(roundup(10, 4), 12);
VALUE(howmany(10, 4), 3);

/* The registers of the simulated disks. */
SIZE(struct ddi_dma_sim_entry, 8);
SIZE(struct ddi_dma_sim_entry64, 16);
PLACE(struct ddi_dma_sim_disk, csr, 0x00);
PLACE(struct ddi_dma_sim_disk, error, 0x01);
PLACE(struct ddi_dma_sim_disk, burst, 0x02);
PLACE(struct ddi_dma_sim_disk, entries, 0x04);
PLACE(struct ddi_dma_sim_disk, block, 0x08);
PLACE(struct ddi_dma_sim_disk, residue, 0x10);
PLACE(struct ddi_dma_sim_disk, sglist, 0x20);
PLACE(struct ddi_dma_sim_disk64, block, 0x08);
PLACE(struct ddi_dma_sim_disk64, residue, 0x10);
PLACE(struct ddi_dma_sim_disk64, sglist, 0x20);
SIZE(struct ddi_dma_sim_disk, 0x20 + 17 * 8);
SIZE(struct ddi_dma_sim_disk64, 0x20 + 256 * 16);

/* The registers of the simulated network devices. */
SIZE(struct ddi_dma_sim_ether, 32);
PLACE(struct ddi_dma_sim_ether, error, 2);
PLACE(struct ddi_dma_sim_ether, burst, 4);
PLACE(struct ddi_dma_sim_ether, tx_address, 8);
PLACE(struct ddi_dma_sim_ether, tx_size, 12);
PLACE(struct ddi_dma_sim_ether, rx_address, 16);
PLACE(struct ddi_dma_sim_ether, rx_size, 20);
PLACE(struct ddi_dma_sim_ether, rx_length, 24);

/* Statistics. */
SIZE(struct ddi_dma_statistics, 96);
PLACE(struct ddi_dma_statistics, bytes_copied, 16);
PLACE(struct ddi_dma_statistics, waits, 56);
PLACE(struct ddi_dma_statistics, copy_buffer_taken, 88);
SIZE(struct ddi_dma_sim_counters, 24);
