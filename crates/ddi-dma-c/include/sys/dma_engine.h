/*
 * The system's DMA engine, two cascaded 8237s, for devices that have none of their own (ddi_dmae(9F)).
 *
 * Channels are 0 to 3 of 8 bits and 5 to 7 of 16; 4 joins the two halves. Left out: ddi_dmae_getlim(9F) and operation
 * by software.
 */
#ifndef DDI_DMA_SYS_DMA_ENGINE_H
#define DDI_DMA_SYS_DMA_ENGINE_H

#include <sys/ddidmareq.h>
#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NCHANS 8

/* A request (ddi_dmae_req(9S)). Zeros are the defaults; der_command is set by every driver. */
struct ddi_dmae_req {
    dev_info_t *der_rdip;
    uchar_t der_command;
    uchar_t der_bufprocess;
    uchar_t der_step;
    uchar_t der_trans;
    uchar_t der_path;
    uchar_t der_cycles;
    uchar_t der_dest;
    uchar_t der_arbus;
    ushort_t der_ioadr;
    ddi_dma_cookie_t *(*proc)();
    void *procparms;
};

/* der_command: WRITE is from memory to the device. */
#define DMAE_CMD_VRFY 0
#define DMAE_CMD_WRITE 1
#define DMAE_CMD_READ 2
#define DMAE_CMD_TRAN 3

/* der_bufprocess */
#define DMAE_BUF_NOAUTO 0
#define DMAE_BUF_CHAIN 0x1
#define DMAE_BUF_AUTO 0x2

/* der_step */
#define DMAE_STEP_INC 0
#define DMAE_STEP_DEC 1
#define DMAE_STEP_HOLD 2

/* der_trans */
#define DMAE_TRANS_SNGL 0
#define DMAE_TRANS_BLCK 1
#define DMAE_TRANS_DMND 2
#define DMAE_TRANS_CSCD 3

/* der_path */
#define DMAE_PATH_DEF 0
#define DMAE_PATH_8 1
#define DMAE_PATH_16 2
#define DMAE_PATH_32 3
#define DMAE_PATH_64 4
#define DMAE_PATH_16B 5

/* der_cycles */
#define DMAE_CYCLES_1 0
#define DMAE_CYCLES_2 1
#define DMAE_CYCLES_3 2
#define DMAE_CYCLES_4 3

/* der_dest */
#define DMAE_DEST_IO 0
#define DMAE_DEST_MEM 1

/* DDI_SUCCESS; DDI_DMA_NORESOURCES where somebody else has the channel; DDI_FAILURE where there is no such channel. */
extern int ddi_dmae_alloc(dev_info_t *dip, int chnl, int (*callback)(caddr_t), caddr_t arg);
extern int ddi_dmae_release(dev_info_t *dip, int chnl);
/* `dmaereqp` may be NULL where only the address and the count are new. */
extern int ddi_dmae_prog(dev_info_t *dip, struct ddi_dmae_req *dmaereqp, ddi_dma_cookie_t *cookiep, int chnl);
extern int ddi_dmae_disable(dev_info_t *dip, int chnl);
extern int ddi_dmae_enable(dev_info_t *dip, int chnl);
extern int ddi_dmae_stop(dev_info_t *dip, int chnl);
/* Leaves in *countp the bytes that were not transferred. */
extern int ddi_dmae_getcnt(dev_info_t *dip, int chnl, int *countp);
extern int ddi_dmae_1stparty(dev_info_t *dip, int chnl);
/* The attributes of the channel that the device has; of one of 8 bits where it has none. */
extern int ddi_dmae_getattr(dev_info_t *dip, ddi_dma_attr_t *attrp);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_DMA_ENGINE_H */
