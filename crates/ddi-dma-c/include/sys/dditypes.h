/*
 * The types of the DDI: devices, handles, cookies, and how words of a device are accessed.
 *
 * Handles and devices are numbers in the clothes of pointers: a driver keeps them, compares them, and hands them back.
 * There is nothing behind them to look at. Left out: device ids, events, and structures of the nexus drivers.
 */
#ifndef DDI_DMA_SYS_DDITYPES_H
#define DDI_DMA_SYS_DDITYPES_H

#include <sys/isa_defs.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A device. NULL is none. */
typedef struct __dev_info dev_info_t;

typedef struct __ddi_dma_handle *ddi_dma_handle_t;
typedef struct __ddi_acc_handle *ddi_acc_handle_t;
typedef struct __ddi_umem_cookie *ddi_umem_cookie_t;

/* One address and size for the engine (ddi_dma_cookie(9S)). */
typedef struct {
    union {
        uint64_t _dmac_ll;
        uint32_t _dmac_la[2];
    } _dmu;
    size_t dmac_size;
    uint_t dmac_type;
} ddi_dma_cookie_t;

#define dmac_laddress _dmu._dmac_ll
#define dmac_address _dmu._dmac_la[0]
#define dmac_notused _dmu._dmac_la[1]

/* What a lock that an interrupt handler takes is made with. */
typedef struct __ddi_iblock_cookie *ddi_iblock_cookie_t;

/* Where an interrupt arrives (ddi_idevice_cookie(9S)). */
typedef union {
    struct {
        ushort_t _idev_vector;
        ushort_t _idev_priority;
    } idu;
    uint_t idev_softint;
} ddi_idevice_cookie_t;

#define idev_vector idu._idev_vector
#define idev_priority idu._idev_priority

typedef struct __ddi_softintr *ddi_softintr_t;

/* How words are accessed (ddi_device_acc_attr(9S)). */
typedef struct ddi_device_acc_attr {
    ushort_t devacc_attr_version;
    uchar_t devacc_attr_endian_flags;
    uchar_t devacc_attr_dataorder;
    uchar_t devacc_attr_access;
} ddi_device_acc_attr_t;

#define DDI_DEVICE_ATTR_V0 0x0001
#define DDI_DEVICE_ATTR_V1 0x0002

/* devacc_attr_endian_flags */
#define DDI_NEVERSWAP_ACC 0x00
#define DDI_STRUCTURE_LE_ACC 0x01
#define DDI_STRUCTURE_BE_ACC 0x02

/* devacc_attr_dataorder */
#define DDI_STRICTORDER_ACC 0x00
#define DDI_UNORDERED_OK_ACC 0x01
#define DDI_MERGING_OK_ACC 0x02
#define DDI_LOADCACHING_OK_ACC 0x03
#define DDI_STORECACHING_OK_ACC 0x04

/* devacc_attr_access */
#define DDI_DEFAULT_ACC 0x01
#define DDI_FLAGERR_ACC 0x02
#define DDI_CAUTIOUS_ACC 0x03

#define DDI_DATA_SZ01_ACC 1
#define DDI_DATA_SZ02_ACC 2
#define DDI_DATA_SZ04_ACC 4
#define DDI_DATA_SZ08_ACC 8

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DDITYPES_H */
